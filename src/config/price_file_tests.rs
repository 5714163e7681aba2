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

/// A price at each of these minutes, as the numbers 1, 2, …
fn at_minutes(minutes: &[i64]) -> String {
    let lines = minutes.iter().zip(1..);
    let lines = lines.map(|(minute, n)| format!("{},{n}\n", BEGIN_S + minute * 60));
    lines.collect()
}

/// `prices`, with `.` for none.
fn in_short(text: &str, quarters: i64) -> String {
    let all = prices(text, quarters);
    all.iter()
        .map(|price| price.as_deref().unwrap_or("."))
        .collect()
}

#[test]
fn a_file_that_goes_from_hours_to_quarter_hours_keeps_its_past() {
    let hours_then_quarters = at_minutes(&[0, 60, 120, 180, 195, 210, 225]);
    assert_eq!(in_short(&hours_then_quarters, 17), "1111222233334567.");
    // In any order of lines.
    let lines: Vec<&str> = hours_then_quarters.lines().rev().collect();
    assert_eq!(in_short(&lines.join("\n"), 17), "1111222233334567.");
    // The first hour may as well be a quarter, with a gap behind it: nothing is guessed.
    let quarters_then_hours = at_minutes(&[0, 15, 30, 45, 60, 120, 180]);
    assert_eq!(in_short(&quarters_then_hours, 17), "12345...66667777.");
    let begin = BEGIN_S + 3_600;
    let told = format!("{begin},{},8\n", begin + 3_600);
    assert_eq!(
        in_short(&(quarters_then_hours + &told), 17),
        "1234888866667777."
    );
}

#[test]
fn a_missing_price_leaves_a_gap_among_hours_and_among_quarter_hours() {
    let hours = at_minutes(&[0, 60, 180, 240]);
    assert_eq!(in_short(&hours, 21), "11112222....33334444.");
    let quarters = at_minutes(&[0, 15, 45, 60]);
    assert_eq!(in_short(&quarters, 6), "12.34.");
    // One quarter hour that was written twice is no neighbour of itself.
    let twice = at_minutes(&[0, 60, 60, 120]);
    assert_eq!(in_short(&twice, 13), "111133334444.");
    // An hour that was corrected by its quarters.
    let corrected = at_minutes(&[0, 60, 120, 60, 75, 90, 105]);
    assert_eq!(in_short(&corrected, 13), "111145673....");
}

#[test]
fn hours_of_the_days_on_which_clocks_are_set_last_an_hour() {
    // Both hours from 02:00 to 03:00 local time.
    let text = "2026-10-25T01:00:00+02:00,1\n2026-10-25T02:00:00+02:00,2\n2026-10-25T02:00:00+01:00,3\n\
        2026-10-25T03:00:00+01:00,4\n";
    let parsed = parse(text);
    let begin_s = instant("2026-10-25T01:00:00+02:00").unwrap();
    let at = |n| parsed.prices.at(begin_s + n * QUARTER_S);
    let told: String = (0..17)
        .map(|n| at(n).map_or(".".to_owned(), |price| price.to_string()))
        .collect();
    assert_eq!(told, "1111222233334444.");
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
