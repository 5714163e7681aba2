//! Whose a directory is, and how root works in it. The owner of a directory can put links and other files in it
//! at any moment, so root reads and writes there with the owner's rights and no more ([`become_owner_of`] for good,
//! [`as_owner_of`] for a while). What must belong to another user than the one who makes it is made by
//! [`files::Dir`].

pub mod files;
pub mod rights;
mod users;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid, openat};
use rustix::process::{DumpableBehavior, getegid, geteuid, getgroups, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

pub use users::{User, service_user};

/// Links that a path may lead through: as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// What a process that was root may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// What the user may do.
    Nothing,
    /// Open GPIO chips, whichever user owns them: [`chip_rights`].
    Chips,
}

/// Who can change what is found under `path`: the owner of the directory, or of the nearest one above it that is
/// there; where the path leads through a link that is not root's, the owner of that link.
///
/// # Errors
/// When the path cannot be looked at.
pub fn owner_of(path: &Path) -> io::Result<User> {
    let (uid, gid) = walk(path)?;
    Ok(users::user(uid, gid))
}

/// The numbers of the owner and the group.
fn walk(path: &Path) -> io::Result<(u32, u32)> {
    let mut at = PathBuf::from("/");
    let meta = fs::symlink_metadata(&at)?;
    let (mut owner, mut links) = ((meta.uid(), meta.gid()), 0);
    let mut rest: Vec<PathBuf> = reversed(&std::path::absolute(path)?);
    while let Some(part) = rest.pop() {
        if part.as_os_str() == ".." {
            at.pop();
            let meta = fs::symlink_metadata(&at)?;
            owner = (meta.uid(), meta.gid());
            continue;
        }
        let next = at.join(&part);
        let meta = match fs::symlink_metadata(&next) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        if meta.is_symlink() {
            links += 1;
            if meta.uid() != 0 || links > LINKS_MAX {
                return Ok((meta.uid(), meta.gid()));
            }
            let to = fs::read_link(&next)?;
            if to.is_absolute() {
                at = PathBuf::from("/");
            }
            rest.extend(reversed(&to));
            continue;
        }
        if !meta.is_dir() {
            break;
        }
        owner = (meta.uid(), meta.gid());
        at = next;
    }
    Ok(owner)
}

/// The parts of a path, the first one last.
fn reversed(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<PathBuf> = parts.collect();
    parts.reverse();
    parts
}

/// Root becomes the owner of `dir` for good; anybody else stays who he is. Returns who it is now, if that is another
/// user than before. To be called while the process has but one thread.
///
/// # Errors
/// When the owner cannot be told, or the kernel does not allow the change (a container without the right to it).
pub fn become_owner_of(dir: &Path, keep: Keep) -> io::Result<Option<User>> {
    let Some(user) = whom_to_become(dir)? else {
        return Ok(None);
    };
    become_user(&user, keep)?;
    Ok(Some(user))
}

/// Root becomes a user for good.
///
/// # Errors
/// When the kernel does not allow it.
pub fn become_user(user: &User, keep: Keep) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let keep_chips = keep == Keep::Chips && !user.is_root();
    if keep_chips {
        set_keep_capabilities(true)?;
    }
    set_thread_groups(&user.gids())?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    if keep_chips {
        let had = capabilities(None)?.permitted;
        set_capabilities(
            None,
            CapabilitySets {
                effective: CapabilitySet::empty(),
                permitted: had & CapabilitySet::DAC_OVERRIDE,
                inheritable: CapabilitySet::empty(),
            },
        )?;
        // Without it the process could not read what /proc says of its own line requests.
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    }
    Ok(())
}

/// Whom root has to become to work in `dir`; None: it is not root, or the directory is root's own, or its owner does
/// not get there (then he cannot change anything there either).
fn whom_to_become(dir: &Path) -> io::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = owner_of(dir)?;
    if user.is_root() {
        return Ok(None);
    }
    let acting = Acting::start(&user)?;
    let reached = reaches(dir);
    drop(acting);
    Ok(reached.then_some(user))
}

/// Whether the way to `dir`, or to the nearest directory above it that is there, is open to this process.
fn reaches(dir: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    for near in dir.ancestors() {
        match openat(rustix::fs::CWD, near, flags, Mode::empty()) {
            Ok(_) => return true,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Root with the rights of another user, until it is dropped.
#[derive(Debug)]
#[must_use = "the rights are given back when it is dropped"]
pub struct Acting {
    /// The groups to come back to; None: nothing was changed.
    back: Option<(Gid, Vec<Gid>)>,
}

impl Acting {
    fn start(user: &User) -> io::Result<Acting> {
        let back = Some((getegid(), getgroups()?));
        let acting = Acting { back };
        set_thread_groups(&user.gids())?;
        set_thread_res_gid(None, Gid::from_raw(user.gid), None)?;
        set_thread_res_uid(None, Uid::from_raw(user.uid), None)?;
        Ok(acting)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let Some((gid, groups)) = self.back.take() else {
            return;
        };
        let restored = set_thread_res_uid(None, Uid::ROOT, None)
            .and_then(|()| set_thread_res_gid(None, gid, None))
            .and_then(|()| set_thread_groups(&groups));
        // It was root a moment ago and kept the right to come back.
        restored.expect("the kernel gives back what it has kept");
    }
}

/// Root works in `dir` with the rights of its owner as long as the answer lives. Nothing changes for anybody else.
///
/// # Errors
/// As [`become_owner_of`].
pub fn as_owner_of(dir: &Path) -> io::Result<Acting> {
    match whom_to_become(dir)? {
        Some(user) => Acting::start(&user),
        None => Ok(Acting { back: None }),
    }
}

/// The right to open any GPIO chip, where the process has kept it ([`Keep::Chips`]), until it is dropped. This thread
/// alone has it.
#[derive(Debug)]
#[must_use = "the right is given back when it is dropped"]
pub struct ChipRights(bool);

/// Takes the right to open any GPIO chip for a moment.
pub fn chip_rights() -> ChipRights {
    let Ok(mut sets) = capabilities(None) else {
        return ChipRights(false);
    };
    let right = CapabilitySet::DAC_OVERRIDE;
    if !sets.permitted.contains(right) || sets.effective.contains(right) {
        return ChipRights(false);
    }
    sets.effective |= right;
    ChipRights(set_capabilities(None, sets).is_ok())
}

impl Drop for ChipRights {
    fn drop(&mut self) {
        if !self.0 {
            return;
        }
        if let Ok(mut sets) = capabilities(None) {
            sets.effective.remove(CapabilitySet::DAC_OVERRIDE);
            let _ = set_capabilities(None, sets);
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
