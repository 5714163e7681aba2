//! The checks of who else writes into our buckets, and of who we are.

use super::check::{Check, Checks};
use super::error::VerifyError;
use crate::config::Loaded;
use crate::setup::inspect::Inventory;
use crate::setup::installation::{FoundInstallation, ID_FILE};
use crate::setup::plan::Wanted;
use crate::setup::sharing;

/// Whether what is set up is this machine's: a copied card brings another's along.
pub(super) fn installation(found: &FoundInstallation, loaded: &Loaded) -> Option<Check> {
    let FoundInstallation::Elsewhere(id) = found else {
        return None;
    };
    let file = loaded.config_dir.join(ID_FILE);
    Some(Check::bad(
        "installation",
        format!(
            "{} ({id}) was made on another machine: this card or directory is a copy",
            file.display()
        ),
        "`powerlogger setup` gives this machine an id, tasks and tokens of its own and leaves the other's alone; its \
         meters need other names or other buckets, too. If the other is no more, take the lines with machine= and board= \
         out of that file first",
    ))
}

/// Whether others write the meters that we write.
pub(super) fn shared_meters(
    seen: &Inventory,
    wanted: &Wanted<'_>,
    checks: &mut Checks<'_>,
) -> Result<(), VerifyError> {
    let others = sharing::others(seen, wanted.influx, wanted.installation);
    if others.is_empty() {
        return checks.add(Check::good(
            "other installations",
            "none writes into our buckets",
        ));
    }
    let overlaps = sharing::overlaps(&others, &wanted.series());
    for overlap in &overlaps {
        checks.add(Check::bad(
            format!("meters of installation {}", overlap.installation),
            format!(
                "it writes {} into our buckets, too",
                overlap.meters.join(", ")
            ),
            overlap.remedy(),
        ))?;
    }
    for other in &others {
        let id = &other.installation;
        let what = format!("meters of installation {id}");
        if other.tokens.iter().any(|(_, series)| series.is_none()) {
            let why = "its token does not tell their names: run `powerlogger setup` there";
            checks.add(Check::not_checked(what, why))?;
        } else if overlaps.iter().all(|it| it.installation != *id) {
            let seen = "writes into our buckets, too; no meter has the name of one of ours";
            checks.add(Check::good(what, seen))?;
        }
    }
    Ok(())
}
