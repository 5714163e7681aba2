//! Meters that have been counted here and are not configured any more.

use crate::config::Loaded;
use crate::config::described::line_of;
use crate::journal::Reader;
use crate::owner::rights;
use crate::text::numbers::count;

/// Meters that the journal has counted or the last daemon watched, and the configuration does not list: as soon as
/// there is one `[[meter]]`, the three that need none are gone, too.
pub fn unlisted(loaded: &Loaded) -> Vec<String> {
    let dir = &loaded.settings.journal.dir;
    // Where the owner's rights cannot be had the journal is not opened: SQLite gives away files as root.
    let Ok(_acting) = rights::as_owner(dir) else {
        return Vec::new();
    };
    let known =
        Reader::open(dir).and_then(|reader| Ok((reader.totals()?, reader.noted_settings()?)));
    let (totals, noted) = known.unwrap_or_default();
    let listed = |name: &str| {
        loaded
            .settings
            .meters
            .iter()
            .any(|meter| meter.name == name)
    };
    let gone = totals.into_iter().filter(|meter| {
        let is_known = meter.pulses > 0 || noted.contains_key(&line_of(&meter.name));
        is_known && !listed(&meter.name)
    });
    gone.map(|meter| {
        format!(
            "meter \"{}\": the journal holds {} of it, and the configuration does not list it: it is \
             not counted any more (as soon as powerlogger.toml has a [[meter]], it has to list all of them)",
            meter.name,
            count(meter.pulses, "pulse")
        )
    })
    .collect()
}
