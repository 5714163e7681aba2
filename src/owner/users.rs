//! Users and their groups, from `/etc/passwd` and `/etc/group`: a static program has no name services.

use std::fs;
use std::path::Path;

use rustix::fs::Gid;

/// The user that the service runs as.
const SERVICE_USER: &str = "powerlogger";

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// A user with the groups that he has when he logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's own group.
    pub gid: u32,
    /// The numbers of all other groups.
    pub groups: Vec<u32>,
}

impl User {
    pub(super) fn is_root(&self) -> bool {
        self.uid == 0
    }

    pub(super) fn gids(&self) -> Vec<Gid> {
        self.groups.iter().copied().map(Gid::from_raw).collect()
    }
}

/// The service's user, if the system has one.
pub fn service_user() -> Option<User> {
    let passwd = fs::read_to_string(PASSWD).ok()?;
    let (uid, gid) = named(&passwd, SERVICE_USER)?;
    Some(user(uid, gid))
}

/// The user with this number; `gid` where the system does not know him.
pub(super) fn user(uid: u32, gid: u32) -> User {
    let read = |file: &str| fs::read_to_string(Path::new(file)).unwrap_or_default();
    user_in(&read(PASSWD), &read(GROUP), uid, gid)
}

fn user_in(passwd: &str, group: &str, uid: u32, gid: u32) -> User {
    let number = |text: &str| text.parse::<u32>().ok();
    let mut users = passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let found = (
            *fields.first()?,
            number(fields.get(2)?)?,
            number(fields.get(3)?)?,
        );
        (found.1 == uid).then_some(found)
    });
    let Some((name, _, gid)) = users.next() else {
        return User {
            uid,
            gid,
            groups: vec![gid],
        };
    };
    let of_user = group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_member = fields.get(3)?.split(',').any(|member| member == name);
        is_member.then(|| number(fields.get(2)?)).flatten()
    });
    let mut groups: Vec<u32> = std::iter::once(gid).chain(of_user).collect();
    groups.sort_unstable();
    groups.dedup();
    User { uid, gid, groups }
}

/// The numbers of a user and of the user's own group.
fn named(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let fields = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields
        .into_iter()
        .find(|fields| fields.first() == Some(&name))?;
    Some((found.get(2)?.parse().ok()?, found.get(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0::/:\npowerlogger2:x:976:19::/:\npowerlogger:x:977:20::/:\nbroken\n";

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        assert_eq!(named(USERS, "powerlogger"), Some((977, 20)));
        assert_eq!(named(USERS, "power"), None);
        assert_eq!(named(USERS, "broken"), None);
    }

    #[test]
    fn a_user_has_the_groups_that_name_him() {
        let group =
            "gpio:x:997:pi,powerlogger\nadm:x:4:pi\npowerlogger:x:20:\nx:x:5:powerlogger2\n";
        let user = user_in(USERS, group, 977, 1);
        assert_eq!((user.uid, user.gid), (977, 20));
        assert_eq!(user.groups, [20, 997]);
        let unknown = user_in(USERS, group, 1_234, 77);
        assert_eq!((unknown.gid, unknown.groups), (77, vec![77]));
    }
}
