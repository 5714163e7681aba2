//! The catalogue of all keys is whole, and consistent.

use super::*;

#[test]
fn names_are_unique() {
    let keys = catalogue().all_keys();
    // Those of tables of which there may be several bear no name of their table.
    let many = catalogue().tables.iter().filter(|table| table.is_many);
    for form in many.clone() {
        for (n, key) in form.keys.iter().enumerate() {
            let mut before = form.keys[..n].iter();
            assert!(before.all(|other| other.name != key.name), "{}", key.name);
        }
    }
    let of_many: Vec<&str> = many
        .flat_map(|form| form.keys.iter().map(|key| key.name))
        .collect();
    for (n, (key, _)) in keys.iter().enumerate() {
        let before = &keys[..n];
        assert!(
            of_many.contains(&key.name) || before.iter().all(|(other, _)| other.name != key.name),
            "{}",
            key.name
        );
        let env = key.env.is_some() && before.iter().any(|(other, _)| other.env == key.env);
        assert!(!env, "{:?}", key.env);
    }
}

#[test]
fn a_key_is_named_with_its_table_and_says_what_it_means() {
    for form in &catalogue().tables {
        for (own, key) in form.written_keys() {
            let with_table = format!("{}.{own}", form.name);
            let want = if form.is_many { own } else { &with_table };
            assert_eq!(key.name, want);
        }
    }
    for (key, _) in catalogue().all_keys() {
        assert!(!key.doc.is_empty(), "{}", key.name);
    }
}

#[test]
fn what_a_key_concerns_is_what_its_table_does() {
    for (name, want) in [
        ("influx.host", ConfigPart::Server),
        ("influx.off", ConfigPart::Server),
        ("deliver.flush_ms", ConfigPart::Server),
        ("journal.dir", ConfigPart::Counting),
        ("log.debug", ConfigPart::Aside),
        ("clock.rtc", ConfigPart::Aside),
        ("web.listen", ConfigPart::Aside),
        ("site.name", ConfigPart::Aside),
        ("site.currency", ConfigPart::Aside),
        ("meter \"Flat 1.2\" line", ConfigPart::Counting),
        ("config_dir", ConfigPart::Counting),
    ] {
        assert_eq!(part_of(name), want, "{name}");
    }
    for (name, want) in [
        ("INFLUX_TOKEN", ConfigPart::Server),
        ("QUEUE_DIR", ConfigPart::Counting),
        ("GPIO_BOUNCE_TIME", ConfigPart::Counting),
        ("GPIO_IMPORT_PIN", ConfigPart::Counting),
        ("DEBUG", ConfigPart::Aside),
    ] {
        assert_eq!(by_env(name).unwrap().1, want, "{name}");
    }
}

#[test]
fn the_unit_is_the_end_of_the_name() {
    let unit = |name| {
        let keys = catalogue().all_keys();
        let found = keys.into_iter().find(|(key, _)| key.name == name);
        found.unwrap().0.unit()
    };
    assert_eq!(unit("journal.sync_interval_ms"), Some("ms"));
    assert_eq!(unit("clock.max_wait_s"), Some("s"));
    assert_eq!(unit("journal.raw_retention_d"), Some("d"));
    assert_eq!(unit("max_power_kw"), Some("kW"));
    assert_eq!(unit("imp_per_kwh"), Some("1/kWh"));
    assert_eq!(unit("price_per_kwh"), Some("currency/kWh"));
    assert_eq!(unit("surcharge_per_kwh"), Some("currency/kWh"));
    assert_eq!(unit("journal.max_bytes"), Some("B"));
    assert_eq!(unit("influx.org"), None);
}
