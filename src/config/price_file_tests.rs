//! Files of dynamic prices, as other programs write them, and broken ones.

use proptest::prelude::*;

use super::*;

/// The prices of quarter hours from 2026-01-01 00:00 UTC on, as texts.
fn prices(text: &str, quarters: i64) -> Vec<Option<String>> {
    let parsed = parse(text);
    assert_eq!(parsed.wrong, None, "{text}");
    let at = |n| parsed.prices.at(BEGIN_S + n * QUARTER_S);
    (0..quarters)
        .map(|n| at(n).map(|price| price.to_string()))
        .collect()
}

const BEGIN_S: i64 = 1_767_225_600;

fn some(all: &[&str]) -> Vec<Option<String>> {
    all.iter().map(|price| Some((*price).to_owned())).collect()
}

#[test]
fn csv_of_quarter_hours() {
    let text = "start,price\n2026-01-01T00:00:00Z,0.2815\n2026-01-01T01:15:00+01:00,-0.01\n\n# later\n1767227400,0.3\n";
    assert_eq!(prices(text, 3), some(&["0.2815", "-0.01", "0.3"]));
    let german = "\u{feff}Beginn;Ende;Preis\n2026-01-01T00:00:00Z;2026-01-01T00:30:00Z;0,3215\n";
    assert_eq!(prices(german, 2), some(&["0.3215", "0.3215"]));
    let after_a_comment = "# from the exchange\r\n\r\nstart;€/MWh\r\n2026-01-01T00:00:00Z;0,5\r\n";
    assert_eq!(prices(after_a_comment, 1), some(&["0.5"]));
    let of_a_spreadsheet = "2026-01-01T00:00:00Z\t0.30000000000000004\n";
    assert_eq!(prices(of_a_spreadsheet, 1), some(&["0.3"]));
    // A corrected price is the later one.
    let twice = "2026-01-01T00:00:00Z,0.1\n2026-01-01T00:00:00Z,0.2\n";
    assert_eq!(prices(twice, 1), some(&["0.2"]));
}

#[test]
fn json_as_others_answer_it() {
    let plain = r#"[{"start": "2026-01-01T00:00:00Z", "price": "0.2815"}]"#;
    assert_eq!(prices(plain, 2), [some(&["0.2815"]), vec![None]].concat());
    let evcc = r#"{"rates": [{"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:30:00Z", "value": 0.1}]}"#;
    assert_eq!(prices(evcc, 2), some(&["0.1", "0.1"]));
    let awattar = r#"{"object": "list", "data": [{"start_timestamp": 1767225600000, "end_timestamp": 1767229200000,
        "marketprice": 87.5, "unit": "Eur/MWh"}]}"#;
    assert_eq!(prices(awattar, 4), some(&["87.5"; 4]));
    let tibber = r#"[{"total": 0.25, "startsAt": "2026-01-01T01:00:00.000+01:00"},
        {"total": 0.26, "startsAt": "2026-01-01T02:00:00.000+01:00"}]"#;
    assert_eq!(
        prices(tibber, 5),
        some(&["0.25", "0.25", "0.25", "0.25", "0.26"])
    );
}

#[test]
fn a_price_lasts_as_long_as_the_prices_of_its_file_do_and_no_gap_is_filled() {
    let hours = "2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,2\n2026-01-01T03:00:00Z,3\n";
    let wanted = [
        some(&["1"; 4]),
        some(&["2"; 4]),
        vec![None; 4],
        some(&["3"; 4]),
        vec![None],
    ];
    assert_eq!(prices(hours, 17), wanted.concat());
    let days = "2026-01-01T00:00:00Z,1\n2026-01-02T00:00:00Z,2\n";
    let wanted = [some(&["1"; 4]), vec![None]];
    assert_eq!(prices(days, 5), wanted.concat());
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_the_rest_holds() {
    let told = |text: &str| {
        let parsed = parse(text);
        let (first, more) = parsed.wrong.unwrap();
        (parsed.prices.at(BEGIN_S).is_some(), first, more)
    };
    let (holds, first, more) =
        told("2026-01-01T00:00:00Z,0.3\n2026-01-01T00:15:00,0.3\nx\n2026-01-01T00:30:00Z,a\n");
    assert!(
        holds && first.starts_with("line 2: \"2026-01-01T00:15:00\" is no time"),
        "{first}"
    );
    assert_eq!(more, 2);
    for (text, said) in [
        ("", "it has no price"),
        ("start,price\n", "it has no price"),
        ("2026-01-01T00:07:00Z,1\n", "line 1: a price begins"),
        (
            "2026-01-01T00:00:00Z,1000000\n",
            "line 1: a price of 1000000",
        ),
        (
            "2026-01-01T00:15:00Z,2026-01-01T00:00:00Z,1\n",
            "line 1: it ends before",
        ),
        (
            "2026-01-01T00:15:00Z,2027-01-01T00:00:00Z,1\n",
            "line 1: it ends before",
        ),
        ("9223372036854775807,1\n", "line 1: "),
        ("-9000000000000000,1\n", "line 1: "),
        (
            "2026-01-01T00:00:00Z,\u{1b}[31m\n",
            "line 1: \"\\u{1b}[31m\" is no price",
        ),
        ("{\"a\": 1}", "it has no list"),
        ("[1, 2]", "price 1: it has no \"start\""),
        ("[{\"start\": 0, \"price\": null}]", "price 1: its price"),
        ("[{\"start\": 0", "line 1: it is no JSON"),
    ] {
        let (holds, first, _) = told(text);
        assert!(!holds && first.starts_with(said), "{text}: {first}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut findings = Findings::default();
    for name in ["none.csv", ""] {
        assert_eq!(
            read(&dir.path().join(name), &mut findings),
            DynamicPrices::default()
        );
    }
    let told: Vec<String> = findings.problems.iter().map(ToString::to_string).collect();
    assert!(
        told[0].contains("none.csv: dynamic prices: there is no such file yet: run"),
        "{told:?}"
    );
    assert!(told[1].contains("it is no regular file"), "{told:?}");
    assert!(
        findings
            .problems
            .iter()
            .all(|problem| problem.part == ConfigPart::Aside)
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        parse(&text);
    }

    #[test]
    fn what_looks_like_prices_is_read_or_refused(
        lines in prop::collection::vec("-?[0-9]{1,19}[,;\t]-?[0-9.,]{0,12}(,[0-9.]{1,4})?", 0..8)
    ) {
        parse(&lines.join("\n"));
    }
}
