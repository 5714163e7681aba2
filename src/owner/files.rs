//! Files in a directory that another user may own: found relative to the directory's descriptor, never through a link,
//! and changed by their own descriptor.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, openat, renameat, unlinkat,
};
use rustix::io::Errno;

/// A directory that is open, and stays the same one whatever becomes of its path.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory.
    ///
    /// # Errors
    /// When it is not there, or may not be entered.
    pub fn open(path: &Path) -> io::Result<Dir> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = openat(rustix::fs::CWD, path, flags, Mode::empty())?;
        let path = path.to_owned();
        Ok(Dir { fd, path })
    }

    /// The numbers of its owner and group.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn owner(&self) -> io::Result<(u32, u32)> {
        let meta = fstat(&self.fd)?;
        Ok((meta.st_uid, meta.st_gid))
    }

    /// Opens a regular file that has this name only, for writing, and makes it if it is not there. What is in it
    /// stays.
    ///
    /// # Errors
    /// When it is a link, no regular file, or has another name besides; when the directory does not take it.
    pub fn open_or_make(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE;
        self.opened(name, flags, mode).map(File::from)
    }

    /// The text of a regular file; None: it is not there.
    ///
    /// # Errors
    /// When it is a link, no regular file, or cannot be read.
    pub fn read(&self, name: &str) -> io::Result<Option<(String, u64)>> {
        let fd = match self.opened(name, OFlags::RDONLY, 0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let inode = fstat(&fd)?.st_ino;
        let mut text = String::new();
        File::from(fd).read_to_string(&mut text)?;
        #[allow(clippy::useless_conversion, reason = "not 64 bits everywhere")]
        Ok(Some((text, u64::from(inode))))
    }

    fn opened(&self, name: &str, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        // Not to wait for the writer of a pipe.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = openat(&self.fd, name, flags, Mode::from_raw_mode(mode)).map_err(|errno| {
            if errno == Errno::LOOP {
                self.refused(name, "it is a link")
            } else {
                errno.into()
            }
        })?;
        let meta = fstat(&fd)?;
        if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
            return Err(self.refused(name, "it is not a regular file"));
        }
        if meta.st_nlink > 1 {
            return Err(self.refused(name, "it has another name besides"));
        }
        Ok(fd)
    }

    fn refused(&self, name: &str, why: &str) -> io::Error {
        let path = self.path.join(name);
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is not used: {why}; remove it", path.display()),
        )
    }

    /// Puts a file in the place of another, whole or not at all. `text` makes its content from the number of its
    /// inode. `owner`: to whom it is given, user and group; None: it stays whose it is by making it.
    ///
    /// # Errors
    /// When the directory does not take it; then the former one is still there.
    pub fn replace(
        &self,
        name: &str,
        mode: u32,
        owner: Option<(u32, Option<u32>)>,
        text: &dyn Fn(u64) -> String,
    ) -> io::Result<()> {
        let new = format!("{name}.new-{:08x}", fastrand::u32(..));
        let written = self.write_new(&new, mode, owner, text).and_then(|()| {
            renameat(&self.fd, &*new, &self.fd, name)?;
            // The rename itself is to survive a power cut.
            Ok(rustix::fs::fsync(&self.fd)?)
        });
        if written.is_err() {
            let _ = unlinkat(&self.fd, &*new, AtFlags::empty());
        }
        written
    }

    fn write_new(
        &self,
        name: &str,
        mode: u32,
        owner: Option<(u32, Option<u32>)>,
        text: &dyn Fn(u64) -> String,
    ) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(fd);
        #[allow(clippy::useless_conversion, reason = "not 64 bits everywhere")]
        let inode = u64::from(fstat(&file)?.st_ino);
        file.write_all(text(inode).as_bytes())?;
        if let Some((uid, gid)) = owner {
            fchown(&file, Some(Uid::from_raw(uid)), gid.map(Gid::from_raw))?;
        }
        fchmod(&file, Mode::from_raw_mode(mode))?;
        file.sync_all()
    }

    /// Deletes a file; a link is deleted, not what it points to. It is no error that it is not there.
    ///
    /// # Errors
    /// When the directory does not let it go.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives files that root has made here to the directory's owner. A link, what has another name besides, and what
    /// is not root's are left as they are.
    ///
    /// # Errors
    /// When a file cannot be given away.
    pub fn give_to_owner(&self, names: &[&str]) -> io::Result<()> {
        let (uid, gid) = self.owner()?;
        for name in names {
            let Ok(file) = self.opened(name, OFlags::RDONLY, 0) else {
                continue;
            };
            if fstat(&file)?.st_uid == 0 && uid != 0 {
                fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            }
        }
        Ok(())
    }
}
