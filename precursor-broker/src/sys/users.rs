//! Linux: users and groups.
#![allow(unsafe_code, reason = "system calls")]

use core::ffi::CStr;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::process::{getegid, getgroups};

/// Longest answer of the group database: a group with very many members.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// As many groups as a process may have (`NGROUPS_MAX`).
const GROUPS_MAX: usize = 65_536;

/// The groups of this process: the one that its files get first, then the others.
pub(crate) fn groups() -> io::Result<Vec<u32>> {
    let first = getegid().as_raw();
    let others = getgroups()?.into_iter().map(|group| group.as_raw());
    Ok([first].into_iter().chain(others.filter(|group| *group != first)).collect())
}

/// Number of the group with a name; `None` if there is no such group.
pub(crate) fn group_id(name: &str) -> io::Result<Option<u32>> {
    let name = CString::new(name)?;
    let mut text = vec![0_u8; 1 << 10];
    loop {
        match look_up(&name, &mut text) {
            Err(error)
                if error.raw_os_error() == Some(libc::ERANGE) && text.len() < ANSWER_BYTES_MAX =>
            {
                text.resize(text.len() * 4, 0);
            }
            found => return found,
        }
    }
}

fn look_up(name: &CStr, text: &mut [u8]) -> io::Result<Option<u32>> {
    let mut group = core::mem::MaybeUninit::<libc::group>::uninit();
    let mut found = core::ptr::null_mut();
    // SAFETY: a string that ends, a place for the answer, and a buffer as long as it is said to be;
    // all live until it returns.
    let error = unsafe {
        let (text, bytes) = (text.as_mut_ptr(), text.len());
        libc::getgrnam_r(name.as_ptr(), group.as_mut_ptr(), text.cast(), bytes, &raw mut found)
    };
    if found.is_null() {
        return if error == 0 { Ok(None) } else { Err(io::Error::from_raw_os_error(error)) };
    }
    // SAFETY: an answer was found, and the call has written all of it.
    Ok(Some(unsafe { group.assume_init_ref() }.gr_gid))
}

/// Who is at the other end of a connection, as it was when it connected or began to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// 0: it is in a PID namespace that this process cannot see.
    pub(crate) pid: u32,
    pub(crate) user: u32,
    pub(crate) groups: Vec<u32>,
}

/// rustix has no place for a process that cannot be seen from here.
pub(crate) fn peer(connection: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut found = [libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX }];
    option(connection, libc::SO_PEERCRED, &mut found).map_err(|(error, _)| error)?;
    let [libc::ucred { pid, uid, gid }] = found;
    let mut groups = vec![0_u32; 64];
    let count = loop {
        match option(connection, libc::SO_PEERGROUPS, &mut groups) {
            Ok(count) => break count,
            Err((error, count))
                if error.raw_os_error() == Some(libc::ERANGE)
                    && (groups.len() + 1..=GROUPS_MAX).contains(&count) =>
            {
                groups.resize(count, 0);
            }
            Err((error, _)) => return Err(error),
        }
    };
    groups.truncate(count);
    groups.push(gid);
    Ok(Peer { pid: pid.unsigned_abs(), user: uid, groups })
}

/// Plain numbers, which any bytes may be.
trait Numbers: Copy {}
impl Numbers for u32 {}
impl Numbers for libc::ucred {}

/// Reads an option of a socket; returns how many values it has, with an error if it has more.
fn option<T: Numbers>(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    values: &mut [T],
) -> Result<usize, (io::Error, usize)> {
    let mut bytes = size_of_val(values) as libc::socklen_t;
    let (place, length) = (values.as_mut_ptr(), &raw mut bytes);
    // SAFETY: an open descriptor, and an array of numbers that is as long as the length says.
    let rc = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, place.cast(), length)
    };
    let count = bytes as usize / size_of::<T>();
    if rc < 0 { Err((io::Error::last_os_error(), count)) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_name() {
        assert_eq!(group_id("root").unwrap(), Some(0));
        assert_eq!(group_id("no such group").unwrap(), None);
        assert!(group_id("nul\0inside").is_err());
    }

    #[test]
    fn who_is_at_the_other_end_is_known_with_its_groups() {
        use std::collections::BTreeSet;
        use std::os::fd::AsFd;
        let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = peer(here.as_fd()).unwrap();
        assert_eq!((peer.pid, peer.user), (std::process::id(), crate::sys::peer::user()));
        let seen: BTreeSet<u32> = peer.groups.into_iter().collect();
        assert_eq!(seen, groups().unwrap().into_iter().collect());
    }
}
