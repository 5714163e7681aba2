//! Names that are meant.

use super::*;
use crate::config::catalogue::catalogue;

#[test]
fn the_nearest_key_is_found_and_a_far_one_is_not() {
    let form = catalogue().table("meter").unwrap();
    let known = || form.written_keys().map(|(name, _)| name);
    assert_eq!(nearest("boune_ms", known()), Some("bounce_ms"));
    assert_eq!(nearest("min_intreval_ms", known()), Some("min_interval_ms"));
    assert_eq!(nearest("colour", known()), None);
    assert!(did_you_mean("colour", known()).contains("there are name, line"));
}
