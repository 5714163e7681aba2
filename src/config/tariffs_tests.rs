//! Prices as they are written: what comes of them, and what is wrong with them.

use jiff::civil::date;

use super::*;
use crate::config::Loaded;
use crate::config::fixture::{Dir, problems};
use crate::energy::tariff::{PriceList, UnitPrice};

fn tariffs(toml: &str) -> TariffSettings {
    let loaded = Dir::new(toml, "").load();
    loaded.check().unwrap();
    loaded.settings.tariffs
}

fn lists(toml: &str) -> Vec<PriceList> {
    tariffs(toml).import.unwrap().tariff.lists().to_vec()
}

fn price(text: &str) -> UnitPrice {
    UnitPrice::Fixed(text.parse().unwrap())
}

#[test]
fn one_line_is_a_tariff() {
    assert!(tariffs("").is_empty());
    let lists = lists("[[tariff]]\nprice_per_kwh = 0.3215\n");
    let [list] = lists.as_slice() else {
        panic!("{lists:?}");
    };
    assert_eq!(
        (list.valid_from, &list.base.name),
        (date(1970, 1, 1), &"standard".to_owned())
    );
    assert_eq!((list.base.price, list.standing), (price("0.3215"), None));
}

#[test]
fn a_price_is_what_is_written_as_a_number_or_as_a_text() {
    for written in ["0.100000001", "\"0.100000001\"", "1", "-0.05", "0"] {
        let lists = lists(&format!("[[tariff]]\nprice_per_kwh = {written}\n"));
        assert_eq!(
            lists[0].base.price,
            price(written.trim_matches('"')),
            "{written}"
        );
    }
    for wrong in [
        "0.1234567891",
        "1e-3",
        "\"0,32\"",
        "\"32 ct\"",
        "nan",
        "true",
        "10000",
    ] {
        let told = problems(&format!("[[tariff]]\nprice_per_kwh = {wrong}\n"), "");
        assert!(
            told[0].starts_with("powerlogger.toml:"),
            "{wrong}: {told:?}"
        );
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn entries_of_one_day_are_one_price_list() {
    let toml = "[[tariff]]\nname = \"day\"\nprice_per_kwh = 0.32\nstanding_per_month = \"12.90\"\n\
        [[tariff]]\nname = \"night\"\nprice_per_kwh = 0.27\ntimes = [\"22:00-06:00\", \"12:00-13:00\"]\n\
        [[tariff]]\nvalid_from = 2027-01-01\nprice_per_kwh = 0.33\n\
        [[tariff]]\ndirection = \"feed_in\"\nprice_per_kwh = 0.082\n";
    let found = lists(toml);
    let names = |list: &PriceList| {
        let windows = list.windows.iter().map(|(_, rated)| rated.name.clone());
        [list.base.name.clone()]
            .into_iter()
            .chain(windows)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&found[0]), ["day", "night", "night"]);
    assert_eq!(
        (names(&found[1]), found[1].valid_from),
        (vec!["standard".to_owned()], date(2027, 1, 1))
    );
    let standing = found[0].standing.unwrap();
    assert_eq!(
        (standing.amount.to_string(), standing.per),
        ("12.9".to_owned(), ChargePer::Month)
    );
    let feed_in = tariffs(toml).feed_in.unwrap().tariff;
    assert_eq!(feed_in.direction(), Direction::FeedIn);
    // A price without a name is called by when it holds.
    let unnamed = lists(
        "[[tariff]]\nprice_per_kwh = 1\n[[tariff]]\nprice_per_kwh = 2\nweekdays = \"sat, sun\"\nseason = \"05-01 to 05-31\"\n",
    );
    assert_eq!(unnamed[0].windows[0].1.name, "sat, sun, 05-01 to 05-31");
}

#[test]
fn windows_that_leave_nothing_need_no_other_price() {
    let toml = "[[tariff]]\nprice_per_kwh = 0.32\ntimes = \"06:00-22:00\"\n[[tariff]]\nprice_per_kwh = 0.27\ntimes = \"22:00-06:00\"\n";
    assert_eq!(lists(toml)[0].windows.len(), 2);
}

/// All problems are of this one text, at this line, and nothing has a price.
#[track_caller]
fn is_wrong(toml: &str, line: usize, said: &str) {
    let dir = Dir::new(toml, "");
    let loaded: Loaded = dir.load();
    let told = loaded.check().expect_err("it is wrong").problems;
    let place = format!("powerlogger.toml:{line}: ");
    let texts: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert!(
        texts[0].starts_with(&place) && texts[0].contains(said),
        "{texts:?}"
    );
    assert!(
        told.iter().all(|problem| problem.part == ConfigPart::Aside),
        "{told:?}"
    );
    assert!(loaded.settings.tariffs.is_empty(), "{toml}");
}

#[test]
fn what_leaves_a_quarter_hour_without_a_price_or_with_two_is_refused() {
    let night = "[[tariff]]\nprice_per_kwh = 0.27\ntimes = \"22:00-06:00\"\n";
    is_wrong(night, 1, "Mon 06:00 has no price: add one without times");
    let base = "[[tariff]]\nprice_per_kwh = 0.32\n";
    is_wrong(
        &[base, base].concat(),
        3,
        "powerlogger.toml:1 has a price for all times already",
    );
    let weekend = "[[tariff]]\nprice_per_kwh = 0.25\nweekdays = \"sat, sun\"\n";
    is_wrong(
        &[base, night, weekend].concat(),
        6,
        "Sat 00:00 has a price from powerlogger.toml:3 already",
    );
    is_wrong(
        &[
            base,
            "standing_per_day = 1\n",
            night,
            "standing_per_day = 1\n",
        ]
        .concat(),
        4,
        "there is a standing charge from the same day on already",
    );
    // From another day on it is another list.
    let later = "[[tariff]]\nvalid_from = \"2026-10-25\"\nprice_per_kwh = 0.25\n";
    assert_eq!(lists(&[base, night, later].concat()).len(), 2);
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_has_a_price() {
    let base = "[[tariff]]\nprice_per_kwh = 0.32\n";
    for (toml, line, said) in [
        ("[[tariff]]\nname = \"x\"\n", 1, "a tariff has no price"),
        (
            "[[tariff]]\nprice_per_kwh = 1\nvalid_from = \"2026-02-30\"\n",
            3,
            "is no date, such as 2026-01-01",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\nvalid_from = \"1.1.2026\"\n",
            3,
            "is no date",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\ntimes = \"22:10-06:00\"\n",
            3,
            "is not a time of day such as \"22:00-06:00\"",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\ntimes = []\n",
            3,
            "is not a time of day",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\nweekdays = \"holiday\"\n",
            3,
            "is not days of the week",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\nseason = \"02-30 to 03-01\"\n",
            3,
            "is not days of the year",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\ndirection = \"export\"\n",
            3,
            "is none of import, feed_in",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\nstanding_per_day = 1\nstanding_per_year = 1\n",
            1,
            "one standing charge is possible",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\ndirection = \"feed_in\"\nstanding_per_day = 1\n",
            1,
            "a standing charge belongs to",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\nsurcharge_per_kwh = 1\n",
            1,
            "belong to dynamic_prices",
        ),
        (
            "[[tariff]]\nprice_per_kwh = 1\ndynamic_prices = \"a\"\n",
            3,
            "price_per_kwh is set as well",
        ),
        (
            "[[tariff]]\ndynamic_prices = \"a\"\n[[tariff]]\ndynamic_prices = \"b\"\nvalid_from = \"2027-01-01\"\n",
            3,
            "is another file than above",
        ),
    ] {
        is_wrong(toml, line, said);
    }
    // What is misspelt, or no TOML, might have changed when a price holds.
    for (added, said) in [
        ("time = \"22:00-06:00\"\n", "did you mean \"times\"?"),
        ("times = 22:00-06:00\n", "22:00"),
        ("[[tarif]]\nprice_per_kwh = 1\n", "did you mean [[tariff]]?"),
        ("valid_from = {}\n", "takes one plain value"),
    ] {
        is_wrong(&[base, added].concat(), 3, said);
    }
    let one = "[tariff]\nprice_per_kwh = 1\n";
    is_wrong(one, 1, "a tariff is written [[tariff]], with two brackets");
}

#[test]
fn a_file_of_prices_is_read_and_watched_and_its_faults_leave_the_tariff() {
    let toml = "[[tariff]]\ndynamic_prices = \"prices.csv\"\ndynamic_factor = 0.00119\nsurcharge_per_kwh = 0.15\n";
    let dir = Dir::new(toml, "");
    let loaded = dir.load();
    let told = loaded.check().unwrap_err().to_string();
    assert!(told.contains("there is no such file yet"), "{told}");
    assert!(
        loaded.says_all_that_is_meant(),
        "the settings are whole: the daemon is asked"
    );
    let flawed = Dir::new(&format!("{toml}time = 1\n"), "").load();
    assert!(!flawed.says_all_that_is_meant());
    assert!(flawed.has_mistyped_tariffs() && !loaded.has_mistyped_tariffs());
    let none = Dir::new("[site]\n", "").load();
    assert!(!none.has_mistyped_tariffs(), "there is none");
    let file = dir.0.path().join("prices.csv");
    assert!(loaded.depends_on().contains(&file), "it is looked at again");
    std::fs::write(&file, "2026-01-01T00:00:00Z,87.5\nbad\n").unwrap();
    let loaded = dir.load();
    let told = loaded.check().unwrap_err().to_string();
    assert!(
        told.contains("prices.csv: dynamic prices: line 2: "),
        "{told}"
    );
    let pricing = loaded.settings.tariffs.import.unwrap();
    assert_eq!(
        pricing.dynamic.at(1_767_225_600),
        Some("87.5".parse().unwrap())
    );
}

#[test]
fn a_currency_is_a_code_or_a_sign() {
    for (written, shown, places) in [
        ("eur", "EUR", 2),
        ("JPY", "JPY", 0),
        ("KWD", "KWD", 3),
        ("Fr.", "Fr.", 2),
    ] {
        let toml = format!("[site]\ncurrency = \"{written}\"\n");
        let currency = Dir::new(&toml, "").load().settings.site.currency;
        assert_eq!((currency.as_str(), currency.places()), (shown, places));
    }
    for wrong in ["", " ", "a long word for money", "E\\u200bUR"] {
        let told = problems(&format!("[site]\ncurrency = \"{wrong}\"\n"), "");
        assert!(told[0].contains("is no currency, such as EUR"), "{told:?}");
    }
}
