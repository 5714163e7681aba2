//! Lines of `.env`.

use proptest::prelude::*;

use super::*;

fn value(line: &str) -> Result<String, String> {
    parse(line)
        .remove(0)
        .map(|a| a.value)
        .map_err(|bad| bad.why)
}

#[test]
fn lines_as_people_write_them() {
    assert_eq!(value("A=b"), Ok("b".to_owned()));
    assert_eq!(value("  export A = b c  # why\r"), Ok("b c".to_owned()));
    assert_eq!(value("export\tA=b"), Ok("b".to_owned()));
    assert_eq!(value("export \t A=b"), Ok("b".to_owned()));
    assert_eq!(value("exports=b"), Ok("b".to_owned()));
    assert_eq!(value("A=\"b # c\" # d"), Ok("b # c".to_owned()));
    assert_eq!(value("A='b\\'"), Ok("b\\".to_owned()));
    assert_eq!(value(r#"A="b\"c\\""#), Ok("b\"c\\".to_owned()));
    assert_eq!(value("A=tok#en=="), Ok("tok#en==".to_owned()));
    assert_eq!(value("A="), Ok(String::new()));
    assert_eq!(value("A= # nothing"), Ok(String::new()));
    assert_eq!(
        parse("\u{feff}A=1\n\n# c\nB=2")[1].as_ref().unwrap().line,
        4
    );
}

#[test]
fn lines_that_mean_nothing() {
    assert!(value("just words").unwrap_err().contains("KEY=value"));
    assert!(value("a b=c").unwrap_err().contains("cannot be a key"));
    assert!(value("A=\"b").unwrap_err().contains("closing"));
    assert!(
        value("A='b' c")
            .unwrap_err()
            .contains("after the closing quote")
    );
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*") {
        parse(&text);
    }

    #[test]
    fn a_quoted_value_comes_back(text in "[a-zA-Z0-9 #='$\\\\\"]{0,30}") {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        prop_assert_eq!(value(&format!("A=\"{escaped}\"")), Ok(text));
    }
}
