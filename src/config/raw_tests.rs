//! `powerlogger.toml` as written.

use proptest::prelude::*;

use super::*;

#[test]
fn values_with_their_lines() {
    let raw =
        parse("# c\n[journal]\nsync_interval_ms = 2_000\n\n[[meter]]\nname = \"A\"\nline = 20\n");
    assert_eq!(raw.problems, []);
    let value = &raw.root.tables["journal"][0].values["sync_interval_ms"];
    assert_eq!(
        (value.text.as_str(), &value.origin),
        ("2000", &Origin::Toml(3))
    );
    assert_eq!(raw.root.tables["meter"][0].values["line"].text, "20");
}

#[test]
fn every_problem_is_told_with_its_line() {
    let raw = parse(
        "x = 1\n[jornal]\n[journal]\nsinc_interval_ms = 5\ndir = [1]\n[influx]\ntoken = \"t\"\n\
         [[meter]]\nboune_ms = 5\n",
    );
    let told: Vec<String> = raw.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 6, "{told:#?}");
    for (told, want) in told.iter().zip([
        "powerlogger.toml:1: the key \"x\" stands in no table",
        "powerlogger.toml:2: unknown table \"jornal\": did you mean \"journal\"?",
        "powerlogger.toml:4: unknown key \"sinc_interval_ms\" in [journal]: did you mean \"sync_interval_ms\"?",
        "powerlogger.toml:5: \"dir\" takes one plain value, not array",
        "powerlogger.toml:7: \"token\" does not belong here",
        "powerlogger.toml:9: unknown key \"boune_ms\" in [[meter]]: did you mean \"bounce_ms\"?",
    ]) {
        assert!(told.starts_with(want), "{told}\n{want}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let raw = parse("[journal]\nmax_bytes = 1 GiB\n");
    assert_eq!(raw.problems[0].origin, Origin::Toml(2));
    let raw = parse("[meter]\nname = \"x\"\n");
    assert!(raw.problems[0].message.contains("[[meter]]"));
}

#[test]
fn what_is_wrong_concerns_the_table_it_stands_in() {
    let parts = |text| {
        let problems = parse(text).problems.into_iter();
        problems.map(|problem| problem.part).collect::<Vec<_>>()
    };
    use ConfigPart::{Aside, Counting, Server};
    assert_eq!(
        parts("[influx]\nhost = http://h\nhots = 1\n"),
        [Server, Server]
    );
    assert_eq!(
        parts("[influx]\nhost = h\n[[meter]]\nname = \"A\"\nline = 5\n"),
        [Server]
    );
    assert_eq!(
        parts("[influx]\nhost = \"\"\"h\n[[meter]]\nname = \"A\"\n"),
        [Counting]
    );
    assert_eq!(parts("[[meters]]\nname = \"A\"\n"), [Counting]);
    assert_eq!(
        parts("[mqtt]\nx = 1\n[log]\nx = 1\n[[meter]]\nx = 1\n"),
        [Aside, Aside, Counting]
    );
    let told = parse("[[meters]]\nname = \"A\"\n").problems.remove(0);
    assert!(told.message.contains("did you mean [[meter]]?"), "{told}");
    let told = parse("[[meter]]\nname = Import\n").problems.remove(0);
    assert!(told.message.contains("name = \"Import\""), "{told}");
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*") {
        parse(&text);
    }

    #[test]
    fn never_panics_on_what_looks_like_toml(
        lines in prop::collection::vec("(\\[{0,2}(meter|journal|x)\\]{0,2}|[a-z_]{1,8} ?= ?[0-9a-z\".{\\[]{0,9})", 0..12)
    ) {
        parse(&lines.join("\n"));
    }
}
