//! The checks that are not made, each by its name.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::config::{InfluxSettings, Loaded};
use crate::model::Tier;

/// Why what only the admin's token may see is not checked.
pub(super) const NEEDS_ADMIN: &str = "needs the admin token in INFLUX_TOKEN";

/// What only the admin's token may see.
pub(super) const ADMIN_CHECKS: [&str; 4] = [
    "retention of the buckets",
    "tasks",
    "foreign tasks",
    "other installations",
];

/// The checks that need a server are named also when there is none.
pub(super) fn rest(
    loaded: &Loaded,
    influx: &InfluxSettings,
    why: &str,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    skip(&["token of `run`", "organization"], why, checks)?;
    behind_token(loaded, influx, why, checks)
}

/// The checks behind that of the token.
pub(super) fn behind_token(
    loaded: &Loaded,
    influx: &InfluxSettings,
    why: &str,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    for level in Tier::ALL {
        skip(&[&format!("bucket {}", influx.bucket(level))], why, checks)?;
    }
    skip(&["end to end"], why, checks)?;
    let needs_admin = loaded.admin_token().is_none();
    skip(
        &ADMIN_CHECKS,
        if needs_admin { NEEDS_ADMIN } else { why },
        checks,
    )
}

/// Notes that these checks were not made, and why.
pub(super) fn skip(all: &[&str], why: &str, checks: &mut Checks<'_>) -> Result<(), VerifyError> {
    for what in all {
        checks.add(Check::not_checked(*what, why))?;
    }
    Ok(())
}
