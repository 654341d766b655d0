//! Linux: packets between processes of one host, with descriptors beside them.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::fs::{File, Permissions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;
/// Longest packet.
pub(crate) const PACKET_BYTES_MAX: usize = 64;
/// Descriptors beside one packet.
const DESCRIPTORS_MAX: usize = 2;

fn new() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Listens at a path, which must be free. Whoever may write to the file there may connect.
pub(crate) fn listen_at(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let socket = new()?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    // The system has applied the process's umask.
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Connects to who listens at a path. Does not wait: `WouldBlock` if too many do already.
pub(crate) fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let socket = new()?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// The next connection that waits.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::accept_with(listener, flags)?)
}

/// Sends a packet, and descriptors with it. Does not wait; a connection that is over is an error and
/// no signal.
pub(crate) fn send(
    connection: BorrowedFd<'_>,
    packet: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    rustix::net::sendmsg(connection, &[IoSlice::new(packet)], &mut ancillary, flags)?;
    Ok(())
}

/// Takes the next packet into `bytes`, and the descriptors that came with it. Does not wait. 0 bytes:
/// the other end has closed.
pub(crate) fn receive<'b>(
    connection: BorrowedFd<'_>,
    bytes: &'b mut [u8; PACKET_BYTES_MAX],
) -> io::Result<(&'b [u8], Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received =
        rustix::net::recvmsg(connection, &mut [IoSliceMut::new(bytes)], &mut ancillary, flags)?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((bytes.get(..received.bytes).unwrap_or_default(), descriptors))
}

/// Whether the other end of a connection has closed it.
pub(crate) fn is_over(connection: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(connection, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = rustix::event::poll(&mut fds, Some(&now));
    polled.is_ok() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Waits until one of the connections can be read or is over, at most `timeout`; returns which are.
pub(crate) fn wait_for_any<F: AsFd>(
    connections: &[F],
    timeout: Duration,
) -> io::Result<Vec<usize>> {
    let mut fds: Vec<_> = connections.iter().map(|one| PollFd::new(one, PollFlags::IN)).collect();
    let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
    match rustix::event::poll(&mut fds, Some(&timeout)) {
        // A signal: the caller waits again.
        Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
        polled => polled?,
    };
    let ready = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ready.map(|(index, _)| index).collect())
}

/// Opens a file that others may be opening too, or makes it with this mode whatever the umask; never
/// what a link names. It is seen by nobody before it has its mode.
pub(crate) fn open_common_file(path: &Path, mode: u32) -> io::Result<File> {
    /// Others may take it away between two looks.
    const TURNS_MAX: usize = 100;
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    for _ in 0..TURNS_MAX {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => {}
            opened => return Ok(opened?.into()),
        }
        let new = OFlags::RDWR | OFlags::CLOEXEC | OFlags::TMPFILE;
        let file = File::from(rustix::fs::open(directory, new, Mode::from_raw_mode(mode))?);
        file.set_permissions(Permissions::from_mode(mode))?;
        let unnamed = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        match rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Err(rustix::io::Errno::EXIST) => {}
            linked => {
                linked?;
                return Ok(file);
            }
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}
