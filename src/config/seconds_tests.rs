//! Seconds as people write them.

use super::*;

#[test]
fn seconds_and_what_else_is_meant() {
    assert_eq!(parse("K", "0.03"), Ok(0.03));
    for (text, want) in [
        ("0,03", "did you mean 0.03?"),
        ("5ms", "did you mean 0.005?"),
        ("0.1 s", "did you mean 0.1?"),
        ("100", "did you mean 0.1?"),
        ("-1", "out of range (0 to 60 s)"),
        ("NaN", "out of range"),
        ("fast", "is not a number of seconds"),
    ] {
        let told = parse("K", text).unwrap_err();
        assert!(told.contains(want), "{text}: {told}");
    }
    assert!(in_doubt("K", 5.0).unwrap().contains("did you mean 0.005?"));
    assert!(in_doubt("K", 30.0).unwrap().contains("did you mean 0.03?"));
    assert_eq!(in_doubt("K", 0.5), None);
}
