//! How a key is read, whatever table it stands in.

use super::*;
use crate::config::key::{env_key, key};

/// A table with these values, read.
fn read<T>(
    values: &[(&'static str, &str)],
    env: &[(&'static str, &str)],
    read: impl FnOnce(&mut Section<'_>) -> T,
) -> (T, Vec<String>, Filled) {
    let mut table = RawTable::default();
    for (line, (name, text)) in (1..).zip(values) {
        let (text, origin) = ((*text).to_owned(), Origin::Toml(line));
        table.set(name, Value { text, origin });
    }
    let env = (1..).zip(env).map(|(line, (name, text))| {
        let (text, origin) = ((*text).to_owned(), Origin::Dotenv(line));
        (*name, Value { text, origin })
    });
    let mut shared = SectionContext::new(env.collect(), Findings::default());
    let mut root = Section::root(&mut shared, table);
    let value = read(&mut root);
    let filled = root.finish().filled;
    let problems = shared.findings.problems.iter();
    (value, problems.map(ToString::to_string).collect(), filled)
}

#[test]
fn what_is_not_written_is_the_default_and_shown_as_it() {
    let (value, problems, filled) = read(&[], &[], |s| {
        (
            s.number(key("t.a", "a"), 7, 1..=9),
            s.flag(key("t.b", "b"), true),
            s.choice(key("t.c", "c"), &[("one", 1), ("two", 2)]),
            s.size(key("t.d", "d"), "2 KiB", "1 KiB"),
            s.number_if_set::<u8>(key("t.e", "e"), 1..=9),
        )
    });
    assert_eq!(value, (7, true, 1, 2_048, None));
    assert_eq!(problems, Vec::<String>::new());
    let shown: Vec<&str> = filled.values().map(|value| value.text.as_str()).collect();
    assert_eq!(shown, ["7", "true", "one", "2 KiB"]);
    assert!(filled.values().all(|value| value.origin == Origin::Default));
}

#[test]
fn what_is_not_allowed_is_told_and_the_default_stands_in() {
    let written = [
        ("a", "10"),
        ("b", "maybe"),
        ("c", "three"),
        ("d", "3"),
        ("e", "1.5"),
        ("f", "x"),
        ("g", "much"),
    ];
    let (value, problems, _) = read(&written, &[], |s| {
        (
            s.number(key("t.a", "a"), 7, 1..=9),
            s.flag(key("t.b", "b"), true),
            s.choice(key("t.c", "c"), &[("one", 1), ("two", 2)]),
            s.size(key("t.d", "d"), "2 KiB", "1 KiB"),
            s.number_if_set::<u8>(key("t.e", "e"), 1..=9),
            s.number(key("t.f", "f"), 0.5, 0.0..=1.0),
            s.size(key("t.g", "g"), "2 KiB", "1 KiB"),
        )
    });
    assert_eq!(value, (7, true, 1, 2_048, None, 0.5, 2_048));
    assert_eq!(
        problems,
        [
            "powerlogger.toml:1: t.a: 10 is out of range (1 to 9)",
            "powerlogger.toml:2: t.b: \"maybe\" is none of true, false, 1, 0, yes, no, on, off",
            "powerlogger.toml:3: t.c: \"three\" is none of one, two",
            "powerlogger.toml:4: t.d: at least 1 KiB is needed",
            "powerlogger.toml:5: t.e: \"1.5\" is not a whole number",
            "powerlogger.toml:6: t.f: \"x\" is not a number",
            "powerlogger.toml:7: t.g: \"much\" is not a size, such as 1073741824 or \"1 GiB\"",
        ]
    );
}

#[test]
fn the_environment_wins_over_the_file_and_names_the_key_its_own_way() {
    let (value, problems, _) = read(&[("a", "1")], &[("A", "12")], |s| {
        s.number(key("t.a", "a").env("A"), 7, 1..=9)
    });
    assert_eq!(
        (value, problems.as_slice()),
        (
            7,
            &[".env:1: A: 12 is out of range (1 to 9)".to_owned()][..]
        )
    );
    let (value, _, _) = read(&[("A", "1")], &[], |s| {
        s.text(env_key("A", "a"), "none").text
    });
    assert_eq!(value, "none", "the file knows no key of the environment");
}

#[test]
fn of_several_tables_each_has_its_own_and_the_environment_is_for_the_rest() {
    let table = |text: &str| {
        let mut table = RawTable::default();
        let (text, origin) = (text.to_owned(), Origin::Toml(1));
        table.set("a_ms", Value { text, origin });
        table
    };
    let env = [("A", "0.003")];
    let (values, problems, _) = read(&[], &env, |s| {
        let tables = [table("1"), RawTable::default()];
        tables.map(|table| {
            s.entry("t", ConfigPart::Aside, table, |s| {
                s.number(key("a_ms", "a").env_in_seconds("A"), 7.0, 0.0..=9.0)
            })
        })
    });
    assert_eq!((values, problems), ([1.0, 3.0], Vec::new()));
}

#[test]
fn a_problem_of_all_tables_is_told_once_with_what_it_concerns() {
    let mut shared = SectionContext::new(
        BTreeMap::from([(
            "A",
            Value {
                text: "x".to_owned(),
                origin: Origin::Dotenv(1),
            },
        )]),
        Findings::default(),
    );
    let mut root = Section::root(&mut shared, RawTable::default());
    for _ in 0..3 {
        root.entry("t", ConfigPart::Server, RawTable::default(), |s| {
            s.number(key("a", "a").env("A"), 1, 1..=9)
        });
    }
    let parts: Vec<ConfigPart> = shared.findings.problems.iter().map(|p| p.part).collect();
    assert_eq!(parts, [ConfigPart::Server]);
}

#[test]
fn what_is_read_describes_itself_with_tables_in_tables() {
    let form = Section::describe(|root| {
        root.table("outer", ConfigPart::Server, |s| {
            s.number(key("outer.a_s", "a"), 1, 1..=9);
            for table in s.take_tables("step") {
                s.entry("step", ConfigPart::Aside, table, |s| {
                    s.choice(key("b", "b").env("B").secret(), &[("one", 1), ("two", 2)])
                });
            }
        });
    });
    let outer = form.table("outer").unwrap();
    let (a, step) = (&outer.keys[0], outer.table("step").unwrap());
    let b = &step.keys[0];
    assert_eq!(
        (a.name, a.default.as_str(), a.allowed(), a.unit()),
        ("outer.a_s", "1", "1 to 9".to_owned(), Some("s"))
    );
    assert_eq!(
        (b.env, b.default.as_str(), b.allowed(), b.secret),
        (Some("B"), "one", "one, two".to_owned(), true)
    );
    assert_eq!(
        (outer.header(), step.header()),
        ("[outer]".to_owned(), "[[step]]".to_owned())
    );
    let parts: Vec<ConfigPart> = form.all_keys().into_iter().map(|(_, part)| part).collect();
    assert_eq!(parts, [ConfigPart::Server, ConfigPart::Aside]);
}
