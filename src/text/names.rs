//! Names of meters: as people type them, as a shell takes them.

/// A name as a shell takes it for one word.
pub fn shell_word(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-.+:/".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

/// The name that is meant: as it is written, or the only one that differs by small and capital letters.
pub fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = names.into_iter().collect();
    let mut alike = known
        .iter()
        .filter(|other| other.to_lowercase() == name.to_lowercase());
    match (known.contains(&name), alike.next(), alike.next()) {
        (false, Some(only), None) => (*only).to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_name_for_one_word() {
        assert_eq!(shell_word("Import"), "Import");
        assert_eq!(shell_word("Zähler-2"), "Zähler-2");
        assert_eq!(shell_word("Heat pump"), "'Heat pump'");
        assert_eq!(shell_word("Bob's $x"), "'Bob'\\''s $x'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn letters_are_taken_as_they_are_meant() {
        let names = ["Import", "Süd", "a", "A"];
        assert_eq!(meant("import", names), "Import");
        assert_eq!(meant("SÜD", names), "Süd");
        assert_eq!(meant("A", names), "A");
        assert_eq!(meant("other", names), "other");
        assert_eq!(meant("AB", ["ab", "Ab"]), "AB", "two could be meant");
    }
}
