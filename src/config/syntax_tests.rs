//! What is no TOML.

use super::*;

#[test]
fn what_people_forget_is_told() {
    let told = |line| explain(line, "invalid float, expected 'inf'");
    assert_eq!(
        told("name = Import"),
        "a text stands between quotes: name = \"Import\""
    );
    assert_eq!(
        told("max_bytes = 1 GiB # much"),
        "a text stands between quotes: max_bytes = \"1 GiB\""
    );
    assert_eq!(
        told("name = “Import”"),
        "typographic quotes: write name = \"Import\""
    );
    assert_eq!(told("name = \"Import"), "invalid float, expected 'inf'");
    assert_eq!(told("nonsense"), "invalid float, expected 'inf'");
}

#[test]
fn a_line_concerns_what_its_table_does() {
    let text =
        "x = 1\n[influx] # c\nhost = h\n[[meter]]\nname = A\n[log]\n[deliver]\n[ journal ]\n";
    let parts: Vec<ConfigPart> = (1..=8).map(|line| part_of_line(text, line)).collect();
    use ConfigPart::{Aside, Counting, Server};
    assert_eq!(
        parts,
        [
            Counting, Server, Server, Counting, Counting, Aside, Server, Counting
        ]
    );
    assert_eq!(part_of_table("meters"), Counting);
    assert_eq!(part_of_table("inflx"), Server);
    assert_eq!(part_of_table("mqtt"), Aside);
    assert_eq!(
        (part_of_stray("line"), part_of_stray("host")),
        (Counting, Server)
    );
    assert!(tables_are_whole(text, 1, true) && !tables_are_whole(text, 0, true));
}
