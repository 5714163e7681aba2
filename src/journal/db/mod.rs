//! The file itself: named, locked, opened, migrated, set aside.

pub(super) mod aside;
pub(super) mod file;
pub(super) mod kind;
pub(super) mod lock;
pub(super) mod migrations;
pub(super) mod older;
pub(super) mod open;
pub(super) mod reserve;
pub(super) mod wal;
