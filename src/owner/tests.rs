//! Owners of paths, and files beside planted links. What needs another user is tested as root only.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::files::Dir;
use super::*;

const ANOTHER: u32 = 54_321;

/// A directory that everybody can reach, and one in it that belongs to another user.
fn place() -> Option<(tempfile::TempDir, PathBuf)> {
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let theirs = top.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    if !geteuid().is_root() {
        return None;
    }
    chown(&theirs, Some(ANOTHER), Some(ANOTHER)).unwrap();
    Some((top, theirs))
}

#[test]
fn a_path_belongs_to_whoever_can_change_what_is_found_under_it() {
    let Some((top, theirs)) = place() else { return };
    let uid = |path: &Path| owner_of(path).unwrap().uid;
    assert_eq!(uid(top.path()), 0);
    assert_eq!(uid(&theirs), ANOTHER);
    assert_eq!(uid(&theirs.join("not/there")), ANOTHER);
    assert_eq!(uid(&theirs.join("../theirs/./x")), ANOTHER);
    assert_eq!(uid(&theirs.join("..")), 0);
    // A link of theirs into root's place is theirs to turn.
    let link = top.path().join("link");
    symlink("/etc", &link).unwrap();
    assert_eq!(uid(&link), 0);
    std::os::unix::fs::lchown(&link, Some(ANOTHER), None).unwrap();
    assert_eq!(uid(&link), ANOTHER);
    assert_eq!(uid(&link.join("powerlogger")), ANOTHER);
    // A link of root's leads to whose it is there.
    let own = top.path().join("own");
    symlink("theirs", &own).unwrap();
    assert_eq!(uid(&own), ANOTHER);
    let round = top.path().join("round");
    symlink("round", &round).unwrap();
    assert_eq!(uid(&round), 0);
}

#[test]
fn root_works_with_the_rights_of_the_owner_for_a_while() {
    let Some((top, theirs)) = place() else { return };
    fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let victim = top.path().join("victim");
    fs::write(&victim, "root's own").unwrap();
    symlink(&victim, theirs.join("link")).unwrap();
    let acting = as_owner_of(&theirs).unwrap();
    fs::write(theirs.join("made"), "").unwrap();
    assert!(fs::write(theirs.join("link"), "theirs").is_err());
    assert!(fs::write(top.path().join("beside"), "").is_err());
    drop(acting);
    assert_eq!(fs::metadata(theirs.join("made")).unwrap().uid(), ANOTHER);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "root's own");
    fs::write(top.path().join("beside"), "root again").unwrap();
    // Where the owner does not get to, he changes nothing: root stays root.
    fs::set_permissions(top.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let acting = as_owner_of(&theirs).unwrap();
    assert!(acting.back.is_none() && geteuid().is_root());
}

#[test]
fn links_and_second_names_are_refused_and_replaced_not_followed() {
    let top = tempfile::tempdir().unwrap();
    let victim = top.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    let at = top.path().join("dir");
    fs::create_dir(&at).unwrap();
    let dir = Dir::open(&at).unwrap();
    symlink(&victim, at.join("soft")).unwrap();
    fs::hard_link(&victim, at.join("hard")).unwrap();
    fs::create_dir(at.join("directory")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at.join("pipe"),
        FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    for name in ["soft", "hard", "directory", "pipe"] {
        let said = dir.open_or_make(name, 0o600).unwrap_err().to_string();
        assert!(
            name == "directory" || said.contains("remove it"),
            "{name}: {said}"
        );
        assert!(dir.read(name).is_err(), "{name}");
    }
    for name in ["soft", "hard", "pipe", "new"] {
        dir.replace(name, 0o640, None, &|inode| format!("{inode}"))
            .unwrap();
        let meta = fs::symlink_metadata(at.join(name)).unwrap();
        assert!(meta.is_file() && meta.nlink() == 1, "{name}");
        assert_eq!(meta.mode() & 0o777, 0o640);
        let read = dir.read(name).unwrap();
        assert_eq!(read, Some((meta.ino().to_string(), meta.ino())));
    }
    assert!(
        dir.replace("directory", 0o600, None, &|_| String::new())
            .is_err()
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    let left: Vec<_> = fs::read_dir(&at)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 5, "nothing half done is left: {left:?}");
    assert_eq!(dir.read("nothing").unwrap(), None);
    dir.remove("soft").unwrap();
    dir.remove("soft").unwrap();
}

#[test]
fn only_what_root_has_made_here_is_given_to_the_owner() {
    let Some((top, theirs)) = place() else { return };
    let victim = top.path().join("victim");
    fs::write(&victim, "").unwrap();
    symlink(&victim, theirs.join("soft")).unwrap();
    fs::hard_link(&victim, theirs.join("hard")).unwrap();
    fs::write(theirs.join("made"), "").unwrap();
    let dir = Dir::open(&theirs).unwrap();
    dir.give_to_owner(&["soft", "hard", "made", "nothing"])
        .unwrap();
    assert_eq!(fs::metadata(&victim).unwrap().uid(), 0);
    assert_eq!(fs::metadata(theirs.join("made")).unwrap().uid(), ANOTHER);
}
