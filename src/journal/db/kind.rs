//! Of which kind a journal is: real pulses and simulated ones are never in one journal. A simulated one bears a mark
//! (the key `simulated` of the table `journal`), because stamps and numbers look alike.

use std::path::Path;

use rusqlite::Connection;

use crate::journal::{JournalError, OpContext};

/// In the place of a boot's id: what counts was made up by the simulated house, or read from a recording.
pub const SIMULATED_BOOT: &str = "simulated";

/// Whether it bears the mark.
pub(in crate::journal) const IS_MARKED: &str =
    "SELECT EXISTS (SELECT 1 FROM journal WHERE key = 'simulated')";

/// Whether it has ever held a pulse.
pub(in crate::journal) const HAS_PULSES: &str =
    "SELECT EXISTS (SELECT 1 FROM pulse) OR EXISTS (SELECT 1 FROM window)
    OR EXISTS (SELECT 1 FROM line WHERE pulses > 0)";

/// Gives it the mark.
pub(in crate::journal) const MARK: &str = "INSERT OR IGNORE INTO journal VALUES ('simulated', 1)";

/// Asks a question that has a yes or a no.
pub(in crate::journal) fn ask(connection: &Connection, select: &str) -> Result<bool, JournalError> {
    connection
        .query_row(select, [], |row| row.get(0))
        .op("be read")
}

/// What an opened journal is for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Admitted {
    /// The run may write into it.
    Yes,
    /// It holds simulated pulses, and the run counts real ones.
    InTheWay,
}

/// Lets a run write into a journal of its kind. An empty one becomes of the kind of the run.
///
/// # Errors
/// When simulated pulses are to go into a journal that holds real ones.
pub(in crate::journal) fn admit(
    connection: &Connection,
    dir: &Path,
    boot_id: &str,
) -> Result<Admitted, JournalError> {
    let is_marked = ask(connection, IS_MARKED)?;
    if boot_id != SIMULATED_BOOT {
        // An import has no boot, and says itself what it brings.
        let in_the_way = is_marked && !boot_id.is_empty();
        return Ok(if in_the_way {
            Admitted::InTheWay
        } else {
            Admitted::Yes
        });
    }
    if !is_marked {
        if ask(connection, HAS_PULSES)? {
            let path = dir.to_owned();
            return Err(JournalError::HoldsReal { path });
        }
        connection.execute(MARK, []).op("be marked")?;
    }
    Ok(Admitted::Yes)
}
