//! Sizes as people write them.

use super::*;

#[test]
fn sizes_with_units() {
    assert_eq!(parse_bytes("1 GiB"), Some(1 << 30));
    assert_eq!(parse_bytes("1.5MiB"), Some(3 << 19));
    assert_eq!(parse_bytes("20MB"), Some(20_000_000));
    assert_eq!(parse_bytes("123"), Some(123));
    assert_eq!(parse_bytes("much"), None);
    assert_eq!(parse_bytes("99999999999 TiB"), None);
}
