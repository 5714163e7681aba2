//! Who we are: the id that marks what is ours on a server, the machine it belongs to, and which tokens were made under
//! it. On another machine (a copied card) it is not valid: there a new one is made, so that the two never touch each
//! other's things.

use std::io;
use std::path::Path;

use super::machine::Machine;
use crate::config::content;
use crate::owner;
use crate::owner::files::Dir;

/// The file, beside the configuration: the id in the first line, `name=value` in the others.
pub const ID_FILE: &str = "installation.id";

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Its id.
    pub id: String,
    /// The ids of the entries of tokens that it has made, on whatever server.
    pub tokens: Vec<String>,
    /// The machine it is on, as far as it is known.
    machine: Machine,
}

/// What the file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundInstallation {
    /// There is none, or what is there is no id.
    Nothing,
    /// It is this machine's.
    Here(Installation),
    /// It was made on another machine; its id.
    Elsewhere(String),
}

impl FoundInstallation {
    /// The installation of this machine.
    pub fn here(self) -> Option<Installation> {
        match self {
            FoundInstallation::Here(installation) => Some(installation),
            FoundInstallation::Nothing | FoundInstallation::Elsewhere(_) => None,
        }
    }
}

impl Installation {
    /// One with an id that no other has, on this machine.
    pub fn new() -> Installation {
        Installation {
            id: format!("{:08x}", fastrand::u32(..)),
            tokens: Vec::new(),
            machine: Machine::this(),
        }
    }

    fn parse(text: &str) -> Option<Installation> {
        let mut lines = text.lines().map(str::trim);
        let id = lines.next().filter(|id| is_id(id))?.to_owned();
        let (mut tokens, mut machine) = (Vec::new(), Machine::default());
        for (name, value) in lines.filter_map(|line| line.split_once('=')) {
            match name {
                "machine" => machine.system = Some(value.to_owned()),
                "board" => machine.board = Some(value.to_owned()),
                "token" => tokens.push(value.to_owned()),
                _ => {}
            }
        }
        Some(Installation {
            id,
            tokens,
            machine,
        })
    }

    fn text(&self) -> String {
        let machine = self.machine.system.iter().map(|it| ("machine", it));
        let board = self.machine.board.iter().map(|it| ("board", it));
        let tokens = self.tokens.iter().map(|it| ("token", it));
        let lines = machine.chain(board).chain(tokens);
        let lines = lines.map(|(name, value)| format!("{name}={value}\n"));
        format!("{}\n{}", self.id, lines.collect::<String>())
    }

    fn keep(&self, config_dir: &Path) -> io::Result<()> {
        let _acting = owner::as_owner_of(config_dir)?;
        Dir::open(config_dir)?.replace(ID_FILE, 0o644, None, &|_| self.text())
    }
}

impl Default for Installation {
    fn default() -> Installation {
        Installation::new()
    }
}

/// What is known here.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn find(config_dir: &Path) -> io::Result<FoundInstallation> {
    let _acting = owner::as_owner_of(config_dir)?;
    let text = match content::text(&config_dir.join(ID_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(FoundInstallation::Nothing);
        }
        Err(error) => return Err(error),
    };
    Ok(judge(&text, &Machine::this()))
}

/// A file without a machine was written before there were any: it is taken for this one's.
fn judge(text: &str, this: &Machine) -> FoundInstallation {
    match Installation::parse(text) {
        None => FoundInstallation::Nothing,
        Some(known) if known.machine.differs_from(this) => FoundInstallation::Elsewhere(known.id),
        Some(known) => FoundInstallation::Here(known),
    }
}

/// This installation, made and kept if there is none on this machine, and bound to it. Also the id of the one that was
/// made on another machine, if there was such a one in its place.
///
/// # Errors
/// When it cannot be kept: without it what is made could not be found again.
pub fn find_or_make(config_dir: &Path) -> io::Result<(Installation, Option<String>)> {
    let (known, copied_from) = match find(config_dir)? {
        FoundInstallation::Here(known) => (Some(known), None),
        FoundInstallation::Elsewhere(id) => (None, Some(id)),
        FoundInstallation::Nothing => (None, None),
    };
    let mut installation = known.clone().unwrap_or_default();
    installation.machine = Machine::this().or(&installation.machine);
    if known.as_ref() != Some(&installation) {
        installation.keep(config_dir)?;
    }
    Ok((installation, copied_from))
}

/// Notes the id of the entry of a token that was made here.
///
/// # Errors
/// When it cannot be kept.
pub fn note_token(config_dir: &Path, id: &str) -> io::Result<()> {
    let (mut installation, _) = find_or_make(config_dir)?;
    if !installation.tokens.iter().any(|known| known == id) {
        installation.tokens.push(id.to_owned());
        installation.keep(config_dir)?;
    }
    Ok(())
}

/// Forgets a token that is deleted.
///
/// # Errors
/// When that cannot be kept.
pub fn forget_token(config_dir: &Path, id: &str) -> io::Result<()> {
    let (mut installation, _) = find_or_make(config_dir)?;
    if installation.tokens.iter().any(|known| known == id) {
        installation.tokens.retain(|known| known != id);
        installation.keep(config_dir)?;
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(system: &str) -> Machine {
        Machine {
            system: Some(system.to_owned()),
            board: None,
        }
    }

    #[test]
    fn the_id_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find(dir.path()).unwrap(), FoundInstallation::Nothing);
        let (made, _) = find_or_make(dir.path()).unwrap();
        assert!(is_id(&made.id), "{made:?}");
        assert_eq!(find_or_make(dir.path()).unwrap(), (made.clone(), None));
        fs::write(dir.path().join(ID_FILE), "").unwrap();
        let (anew, _) = find_or_make(dir.path()).unwrap();
        assert_ne!(anew.id, made.id, "a torn file is no id");
    }

    #[test]
    fn tokens_are_noted_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        for id in ["0a", "0b", "0a"] {
            note_token(dir.path(), id).unwrap();
        }
        let tokens = || find(dir.path()).unwrap().here().unwrap().tokens;
        assert_eq!(tokens(), ["0a", "0b"]);
        forget_token(dir.path(), "0a").unwrap();
        forget_token(dir.path(), "0c").unwrap();
        assert_eq!(tokens(), ["0b"]);
    }

    #[test]
    fn on_another_machine_it_is_another() {
        let mut made = Installation::new();
        (made.machine, made.tokens) = (machine("a"), vec!["0a".to_owned()]);
        let text = made.text();
        assert_eq!(
            judge(&text, &machine("a")),
            FoundInstallation::Here(made.clone())
        );
        assert_eq!(
            judge(&text, &machine("b")),
            FoundInstallation::Elsewhere(made.id)
        );
        let former = judge("01234567\n", &machine("b")).here().unwrap();
        assert_eq!((former.id.as_str(), former.tokens.len()), ("01234567", 0));
    }

    #[test]
    fn a_copy_gets_an_id_and_leaves_the_tokens() {
        let dir = tempfile::tempdir().unwrap();
        let of_another = "01234567\nmachine=none of ours\nboard=none of ours\ntoken=0a\n";
        fs::write(dir.path().join(ID_FILE), of_another).unwrap();
        let this = Machine::this();
        let (made, copied_from) = find_or_make(dir.path()).unwrap();
        if this == Machine::default() {
            // Nothing tells one machine from another here.
            assert_eq!((made.id.as_str(), copied_from), ("01234567", None));
            return;
        }
        assert_eq!(copied_from.as_deref(), Some("01234567"));
        assert!(made.id != "01234567" && made.tokens.is_empty());
        assert_eq!(find_or_make(dir.path()).unwrap(), (made, None));
    }

    #[test]
    fn a_file_without_a_machine_is_bound_to_this_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(ID_FILE), "01234567\n").unwrap();
        let (adopted, copied_from) = find_or_make(dir.path()).unwrap();
        assert_eq!((adopted.id.as_str(), copied_from), ("01234567", None));
        let kept = fs::read_to_string(dir.path().join(ID_FILE)).unwrap();
        assert_eq!(Installation::parse(&kept).unwrap().machine, Machine::this());
    }
}
