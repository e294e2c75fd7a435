//! Users of the service who are not root: known to it, and to nobody else on the machine.

use std::{
    ffi::CString,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use super::daemon::binary;

/// Two who may change things.
pub(crate) const ALICE: u32 = 61_001;
pub(crate) const BOB: u32 = 61_002;
/// One who may only look.
pub(crate) const CAROL: u32 = 61_003;

/// The group of those who may look, in which all of them are.
const LEVEE: u32 = 61_000;

/// Files that name them, and a copy of the binary that they can reach.
#[derive(Debug)]
pub(crate) struct People {
    directory: PathBuf,
}

impl People {
    /// Makes the directory one that they can enter.
    pub(crate) fn new(directory: &Path) -> Self {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let users = [("alice", ALICE), ("bob", BOB), ("carol", CAROL)];
        let users = users.map(|(name, uid)| format!("{name}:x:{uid}:{LEVEE}::/:/bin/false\n"));
        let users = text("/etc/passwd") + &users.concat();
        fs::write(directory.join("passwd"), users).unwrap();
        let groups = format!("levee:x:{LEVEE}:\nlevee-admin:x:61010:alice,bob\n");
        fs::write(directory.join("group"), groups + &text("/etc/group")).unwrap();
        fs::copy(binary(), directory.join("filter-ctl")).unwrap();
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Lets a process know them: it sees these files in a mount namespace of its own.
    pub(crate) fn make_known_to(&self, command: &mut Command) {
        let files = ["passwd", "group"].map(|name| {
            let from = self.directory.join(name);
            let from = CString::new(from.as_os_str().as_bytes()).unwrap();
            (from, CString::new(format!("/etc/{name}")).unwrap())
        });
        let enter = move || {
            // SAFETY: takes a number.
            checked(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
            let none = std::ptr::null();
            let private = libc::MS_REC | libc::MS_PRIVATE;
            // SAFETY: live, zero-ended strings, or none.
            checked(unsafe { libc::mount(none, c"/".as_ptr(), none, private, std::ptr::null()) })?;
            for (from, to) in &files {
                // SAFETY: as before.
                checked(unsafe {
                    libc::mount(
                        from.as_ptr(),
                        to.as_ptr(),
                        none,
                        libc::MS_BIND,
                        std::ptr::null(),
                    )
                })?;
            }
            Ok(())
        };
        // SAFETY: it makes system calls, and allocates nothing.
        unsafe { command.pre_exec(enter) };
    }

    /// The binary, as one of them.
    pub(crate) fn command(&self, uid: u32) -> Command {
        let mut command = Command::new(self.directory.join("filter-ctl"));
        // As root, it takes away the further groups as well.
        command.uid(uid).gid(LEVEE);
        command
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
