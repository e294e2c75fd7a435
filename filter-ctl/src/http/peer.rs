//! Who is on the other end of the control socket, and what they may do.
//!
//! The kernel says which user connected; the user database says to which groups that user belongs, now,
//! so that a membership taken away ends with the next command.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};

use crate::daemon::handle::Actor;

/// The group whose members may read.
pub const READ_GROUP: &str = "levee";
/// The group whose members may change things as well.
pub const CHANGE_GROUP: &str = "levee-admin";

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nothing.
    Nobody,
    /// Read.
    Reader,
    /// Read and change.
    Admin,
}

/// A user on the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub actor: Actor,
    /// What it may do.
    pub role: Role,
}

/// Looks a user up; waits for the user database. `gid` is the primary group of the peer's process.
#[must_use]
pub fn look_up(uid: u32, gid: u32) -> Peer {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let mut groups = vec![gid];
    if let Some(user) = &user
        && let Ok(name) = CString::new(user.name.as_str())
        && let Ok(listed) = getgrouplist(&name, user.gid)
    {
        groups.extend(listed.into_iter().map(Gid::as_raw));
    }
    // Whoever runs the service can do all that it can.
    let trusted = uid == 0 || uid == geteuid().as_raw();
    Peer {
        role: role(trusted, &groups, group(READ_GROUP), group(CHANGE_GROUP)),
        actor: Actor {
            uid: Some(uid),
            name: user.map_or_else(|| format!("uid {uid}"), |user| user.name),
        },
    }
}

/// The number of a group, if it exists.
pub(super) fn group(name: &str) -> Option<u32> {
    let group = Group::from_name(name).ok().flatten()?;
    Some(group.gid.as_raw())
}

fn role(trusted: bool, groups: &[u32], read: Option<u32>, change: Option<u32>) -> Role {
    let member = |group: Option<u32>| group.is_some_and(|group| groups.contains(&group));
    if trusted || member(change) {
        Role::Admin
    } else if member(read) {
        Role::Reader
    } else {
        Role::Nobody
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_groups() {
        let role_of = |groups| role(false, groups, Some(20), Some(30));
        assert_eq!(role_of(&[10]), Role::Nobody);
        assert_eq!(role_of(&[10, 20]), Role::Reader);
        assert_eq!(role_of(&[30]), Role::Admin);
        assert_eq!(role_of(&[20, 30]), Role::Admin);
        assert_eq!(role(true, &[], None, None), Role::Admin);
        // Groups that do not exist have no members.
        assert_eq!(role(false, &[0], None, None), Role::Nobody);
    }

    #[test]
    fn root_may_change_things_and_has_a_name() {
        let peer = look_up(0, 0);
        assert_eq!(peer.role, Role::Admin);
        assert_eq!(peer.actor.uid, Some(0));
        // A user that no database knows.
        let stranger = look_up(4_000_000_001, 4_000_000_001);
        assert_eq!(stranger.role, Role::Nobody);
        assert_eq!(stranger.actor.name, "uid 4000000001");
    }
}
