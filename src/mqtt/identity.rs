//! The name of an installation: the same after its journal was lost, another one on a machine that a card was copied to.

use std::path::Path;

use crate::journal::MqttKept;
use crate::setup::machine::Machine;

/// The machine as it is noted: by its board where that has a number; empty: it has none.
pub(super) fn machine() -> String {
    let Machine { system, board } = Machine::this();
    let of_board = board.map(|board| format!("board:{board}"));
    let of_system = system.map(|system| format!("system:{system}"));
    of_board.or(of_system).unwrap_or_default()
}

/// The name: what was kept, unless on another machine; else one made of the machine and the journal's directory, or of
/// `random`, where the machine has no number.
pub(super) fn id(kept: &MqttKept, machine: &str, dir: &Path, random: u32) -> String {
    let is_elsewhere = !kept.machine.is_empty() && !machine.is_empty() && kept.machine != machine;
    if !kept.id.is_empty() && !is_elsewhere {
        return kept.id.clone();
    }
    if machine.is_empty() {
        return format!("{random:08x}");
    }
    // FNV-1a, 32 bits.
    let text = format!("{machine} {}", dir.display());
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_survives_the_journal_and_no_copied_card() {
        let (here, there) = ("board:1", "board:2");
        let dir = Path::new("/var/lib/powerlogger");
        let first = id(&MqttKept::default(), here, dir, 1);
        assert_eq!(first.len(), 8);
        assert_eq!(
            id(&MqttKept::default(), here, dir, 2),
            first,
            "a new journal"
        );
        let kept = MqttKept {
            id: first.clone(),
            machine: here.to_owned(),
            ..MqttKept::default()
        };
        assert_eq!(id(&kept, here, Path::new("/srv"), 3), first, "it was moved");
        assert_eq!(id(&kept, "", dir, 4), first);
        assert_ne!(id(&kept, there, dir, 5), first, "a copied card");
        assert_ne!(id(&MqttKept::default(), here, Path::new("/srv"), 6), first);
        assert_eq!(id(&MqttKept::default(), "", dir, 0xab), "000000ab");
    }
}
