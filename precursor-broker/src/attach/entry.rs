//! One line of a name's file: a process that has the memory open, and under which descriptors.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::sys::{self, peer};

/// Bytes of a line. Lines lie at multiples of it and are written by one call, so that no death
/// leaves half of one.
pub(super) const LINE_BYTES: u64 = 128;
const FIELDS: usize = 7;

/// A process that has the memory open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) pid: u32,
    /// Start time in clock ticks: with the pid it names one process of one boot.
    pub(super) start: u64,
    pub(super) pid_namespace: u64,
    pub(super) control: Memory,
    pub(super) data: Memory,
}

/// A descriptor of that process, and the file that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) descriptor: u32,
    pub(super) inode: u64,
}

/// What became of the process of an entry.
#[derive(Debug)]
pub(super) enum Found {
    /// It runs, or is stopped; the memory is ours as well now: control and data.
    Memory(OwnedFd, OwnedFd),
    /// It ended, or gave the memory up.
    Gone,
}

impl Entry {
    /// The line of a file; `None` if it is empty or not of this form.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(line).ok()?;
        let mut numbers = text.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
        let mut fields = [0; FIELDS];
        for field in &mut fields {
            *field = numbers.next()??;
        }
        if numbers.next().is_some() {
            return None;
        }
        let [pid, start, pid_namespace, control, control_inode, data, data_inode] = fields;
        let memory = |descriptor: u64, inode| {
            Some(Memory { descriptor: u32::try_from(descriptor).ok()?, inode })
        };
        Some(Self {
            pid: u32::try_from(pid).ok()?,
            start,
            pid_namespace,
            control: memory(control, control_inode)?,
            data: memory(data, data_inode)?,
        })
    }

    /// The line that says this. Seven numbers of at most 20 digits fit for every value that a
    /// system gives; `None` if they do not.
    pub(super) fn line(&self) -> Option<Vec<u8>> {
        let Self { pid, start, pid_namespace, control, data } = self;
        let text = format!(
            "{pid} {start} {pid_namespace} {} {} {} {}",
            control.descriptor, control.inode, data.descriptor, data.inode
        );
        let width = LINE_BYTES as usize - 1;
        (text.len() <= width).then(|| format!("{text:<width$}\n").into_bytes())
    }

    /// Opens the memory of a process of this PID namespace.
    pub(super) fn open(&self) -> io::Result<Found> {
        self.open_by(peer::open_descriptor_of)
    }

    /// The same, to look at and not to change.
    pub(super) fn open_to_read(&self) -> io::Result<Found> {
        self.open_by(peer::open_descriptor_to_read)
    }

    /// Whether two descriptors of this process are the memory of the line.
    pub(super) fn is_memory(&self, control: BorrowedFd<'_>, data: BorrowedFd<'_>) -> bool {
        let is = |found: BorrowedFd<'_>, memory: Memory| {
            peer::inode_of(found).is_ok_and(|inode| inode == memory.inode)
        };
        is(control, self.control) && is(data, self.data)
    }

    fn open_by(&self, open: impl Fn(u32, u32) -> io::Result<File>) -> io::Result<Found> {
        let control = self.open_memory(self.control, &open)?;
        let data = self.open_memory(self.data, &open)?;
        // The descriptors belong to the process only if it still is the same one.
        if !sys::is_process_live(self.pid, self.start) {
            return Ok(Found::Gone);
        }
        Ok(match (control, data) {
            (Some(control), Some(data)) => Found::Memory(control.into(), data.into()),
            // It gave the memory up and could not take its line away; or it runs another program.
            _ => Found::Gone,
        })
    }

    fn open_memory(
        &self,
        memory: Memory,
        open: impl Fn(u32, u32) -> io::Result<File>,
    ) -> io::Result<Option<File>> {
        let found = match open(self.pid, memory.descriptor) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if sys::is_process_live(self.pid, self.start) => return Err(error),
            Err(_) => return Ok(None),
        };
        Ok((peer::inode(&found)? == memory.inode).then_some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let memory = |descriptor| Memory { descriptor, inode: u64::from(descriptor) << 40 };
        Entry {
            pid: 4_194_304,
            start: 123_456_789_012,
            pid_namespace: 4_026_531_836,
            control: memory(7),
            data: memory(8),
        }
    }

    #[test]
    fn a_line_says_what_it_was_made_of() {
        let line = entry().line().unwrap();
        assert_eq!(line.len() as u64, LINE_BYTES);
        assert_eq!(Entry::parse(&line), Some(entry()));
    }

    #[test]
    fn what_is_no_line_is_no_entry() {
        let blank = [b' '; LINE_BYTES as usize];
        let long = b"1 2 3 4 5 6 7 8".as_slice();
        let wide = b"4294967296 2 3 4 5 6 7".as_slice();
        let signed = b"-1 2 3 4 5 6 7".as_slice();
        for bytes in [b"".as_slice(), &blank, b"1 2 3", long, wide, signed, &[0xFF; 128]] {
            assert_eq!(Entry::parse(bytes), None, "{bytes:?}");
        }
        let mut huge = entry();
        (huge.start, huge.pid_namespace) = (u64::MAX, u64::MAX);
        (huge.control.inode, huge.data.inode) = (u64::MAX, u64::MAX);
        huge.control.descriptor = u32::MAX;
        huge.data.descriptor = u32::MAX;
        assert_eq!(huge.line().and_then(|line| Entry::parse(&line)), Some(huge));
    }
}
