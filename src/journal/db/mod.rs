//! The file itself: opened, migrated, set aside, locked, checked.

pub(super) mod check;
pub(super) mod lock;
pub(super) mod migrations;
pub(super) mod older;
pub(super) mod open;
pub(super) mod reserve;
