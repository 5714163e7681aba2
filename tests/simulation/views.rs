//! The judgement on a view: the journal's windows, and no less than any writer's pulses in raw.

use std::collections::BTreeMap;

/// Pulses by meter and start of the window.
pub(crate) type Windows = BTreeMap<(String, i64), i64>;

/// Where nobody else has ever written, a window is the journal's. Elsewhere it is neither less than the
/// journal's or raw's, nor more than all have written together.
///
/// # Errors
/// The first window that is not.
pub(crate) fn judge(
    journal: &Windows,
    there: &Windows,
    theirs: &Windows,
    raw: &Windows,
) -> Result<(), String> {
    let of = |windows: &Windows, window| windows.get(window).copied().unwrap_or(0);
    // Nothing is compared before the journal's first window.
    let first_s = journal.keys().map(|(_, start_s)| *start_s).min();
    for window in journal.keys().chain(there.keys()).chain(theirs.keys()) {
        let (ours, found) = (of(journal, window), of(there, window));
        let theirs = of(theirs, window);
        let compared = theirs > 0 && first_s.is_some_and(|first_s| first_s <= window.1);
        let least = if compared {
            ours.max(of(raw, window))
        } else {
            ours
        };
        if !(least..=ours + theirs).contains(&found) {
            return Err(format!(
                "{window:?}: journal {ours}, another writer {theirs}, raw {}, server {found}",
                of(raw, window)
            ));
        }
    }
    Ok(())
}
