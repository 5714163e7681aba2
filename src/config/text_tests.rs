//! Bytes as text.

use proptest::prelude::*;

use super::*;

#[test]
fn what_editors_write_is_read() {
    let utf16: Vec<u8> = "A=1\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for head in [&b"\xff\xfe"[..], b""] {
        let decoded = decode(&[head, &utf16].concat());
        assert_eq!((decoded.text.as_str(), decoded.is_utf16), ("A=1\r\n", true));
    }
    let big: Vec<u8> = "\u{feff}ä"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(decode(&big).text, "ä");
    let latin = decode(b"A=1\n# Z\xe4hler\nB=\xfc\n");
    assert_eq!((latin.bad_lines, latin.is_utf16), (vec![2, 3], false));
    assert_eq!(decode(b"").text, "");
}

#[test]
fn a_comment_is_told_from_a_value() {
    assert!(is_bad_in_comment("# Z\u{fffd}hler"));
    assert!(is_bad_in_comment("a = \"b\" # Z\u{fffd}"));
    assert!(!is_bad_in_comment("a = \"b # Z\u{fffd}\""));
    assert!(!is_bad_in_comment("a = \u{fffd} # b"));
    assert!(!is_bad_in_comment("a = 1 # b"));
}

#[test]
fn quotes_and_what_is_not_seen() {
    assert!(has_typographic_quotes("“abc”") && has_typographic_quotes("abc»"));
    assert!(!has_typographic_quotes("a’b") && !has_typographic_quotes(""));
    assert_eq!(invisible("a\u{feff}b"), Some('\u{feff}'));
    assert_eq!(invisible("größer 家"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_good_text_is_kept(
        bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[ -~äß\n]{0,40}",
    ) {
        decode(&bytes);
        prop_assert_eq!(decode(text.as_bytes()).text, text);
    }
}
