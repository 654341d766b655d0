//! Participants: who they are and whether they live (R3.3).

use super::error::RegionError;
use super::map::Region;
use super::records::ParticipantRecord;
use crate::steps::step;
use crate::sync::Ordering;
use crate::sys;

/// A participant: its id names it in every word that it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// 1 to `participants_max`.
    pub(crate) id: u16,
    /// Which participant of that id.
    pub(crate) generation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Free,
    /// The process is known by its id; its start time is not written yet.
    Joining,
    Live,
    /// A survivor found it dead, or was told; its rights await reclaim.
    Dead,
    Invalid,
}

/// `generation:32 · status:8 · pid:24`: even a participant that dies while it joins is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StateWord(u64);

impl StateWord {
    fn new(generation: u32, status: Status, pid: u32) -> Self {
        let pid = u64::from(pid & 0xFF_FFFF);
        Self(u64::from(generation) << 32 | (status as u64) << 24 | pid)
    }

    fn load(record: &ParticipantRecord) -> Self {
        Self(record.state.load(Ordering::Acquire))
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn status(self) -> Status {
        match self.0 >> 24 & 0xFF {
            0 => Status::Free,
            1 => Status::Joining,
            2 => Status::Live,
            3 => Status::Dead,
            _ => Status::Invalid,
        }
    }

    fn pid(self) -> u32 {
        self.0 as u32 & 0xFF_FFFF
    }

    fn change(self, record: &ParticipantRecord, to: Self) -> bool {
        record.state.compare_exchange(self.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Region {
    /// Makes the caller a participant and backs its tables with memory.
    ///
    /// # Errors
    ///
    /// `ParticipantsFull` if no record is free, `System` if memory cannot be committed.
    pub(crate) fn join(&self) -> Result<Owner, RegionError> {
        let participants_max = self.limits().participants_max;
        self.join_among(1..=participants_max as u16)?
            .ok_or(RegionError::ParticipantsFull { participants_max })
    }

    /// Takes the place that is kept for clearing up when all others are taken. `None`: somebody
    /// else is at it.
    pub(crate) fn join_to_reclaim(&self) -> Result<Option<Owner>, RegionError> {
        let spare = self.limits().participants_max as u16 + 1;
        self.join_among(spare..=spare)
    }

    fn join_among(
        &self,
        places: core::ops::RangeInclusive<u16>,
    ) -> Result<Option<Owner>, RegionError> {
        let (pid, start) = sys::process_identity();
        for id in places {
            let Some(record) = self.participant(id) else { break };
            let seen = StateWord::load(record);
            let joining = StateWord::new(seen.generation(), Status::Joining, pid);
            if seen.status() != Status::Free || !seen.change(record, joining) {
                continue;
            }
            step!("join.joining");
            record.pid.store(u64::from(pid), Ordering::Relaxed);
            record.start.store(start, Ordering::Relaxed);
            record.clear_bell();
            if let Err(source) = self.commit_participant(id) {
                joining.change(record, StateWord::new(seen.generation(), Status::Free, 0));
                return Err(RegionError::System {
                    action: "commit a participant's memory",
                    source,
                });
            }
            step!("join.committed");
            // Release: whoever sees it live sees its identity.
            let live = StateWord::new(seen.generation(), Status::Live, pid);
            if joining.change(record, live) {
                step!("join.live");
                return Ok(Some(Owner { id, generation: seen.generation() }));
            }
        }
        Ok(None)
    }

    /// Gives a participant's place up: when it has left and holds nothing more, or when a survivor
    /// has reclaimed all of it. One of several callers gets `true`.
    pub(crate) fn leave(&self, owner: Owner) -> bool {
        self.end(owner, Status::Free, owner.generation.wrapping_add(1))
    }

    /// Marks a participant dead, so that every survivor may reclaim what it held; `true` also if
    /// it was dead already.
    pub(crate) fn mark_dead(&self, owner: Owner) -> bool {
        self.end(owner, Status::Dead, owner.generation)
            || self.status(owner.id) == Some((owner, Status::Dead))
    }

    fn end(&self, owner: Owner, status: Status, generation: u32) -> bool {
        let Some(record) = self.participant(owner.id) else { return false };
        let seen = StateWord::load(record);
        let is_it = seen.generation() == owner.generation
            && !matches!(seen.status(), Status::Free | Status::Invalid)
            && seen.status() != status;
        is_it && seen.change(record, StateWord::new(generation, status, seen.pid()))
    }

    /// Whether the participant is joined and its process still runs.
    #[allow(dead_code, reason = "for watching one participant; reclaim asks for all that are dead")]
    pub(crate) fn is_live(&self, owner: Owner) -> bool {
        self.find_dead_at(owner.id).is_none()
            && self.status(owner.id).is_some_and(|(now, status)| {
                now == owner && matches!(status, Status::Live | Status::Joining)
            })
    }

    /// Whether a participant is marked dead and awaits reclaim.
    pub(crate) fn has_marked_dead(&self) -> bool {
        self.participants().iter().any(|record| StateWord::load(record).status() == Status::Dead)
    }

    /// Participants that are marked dead or whose process is gone; they await reclaim.
    pub(crate) fn dead_participants(&self) -> impl Iterator<Item = Owner> + '_ {
        (1_u16..).take(self.participants().len()).filter_map(|id| self.find_dead_at(id))
    }

    fn find_dead_at(&self, id: u16) -> Option<Owner> {
        let record = self.participant(id)?;
        let seen = StateWord::load(record);
        let is_dead = match seen.status() {
            Status::Free => false,
            Status::Joining => !sys::is_process_live(seen.pid(), 0),
            Status::Live => {
                let pid = u32::try_from(record.pid.load(Ordering::Relaxed)).unwrap_or(0);
                let start = record.start.load(Ordering::Relaxed);
                // Identity and state belong together only if the state is still the same.
                !sys::is_process_live(pid, start) && StateWord::load(record) == seen
            }
            Status::Dead => true,
            Status::Invalid => false,
        };
        is_dead.then_some(Owner { id, generation: seen.generation() })
    }

    /// Who has an id at present, and in which state.
    pub(crate) fn status(&self, id: u16) -> Option<(Owner, Status)> {
        let seen = StateWord::load(self.participant(id)?);
        Some((Owner { id, generation: seen.generation() }, seen.status()))
    }

    pub(crate) fn participant(&self, id: u16) -> Option<&ParticipantRecord> {
        self.participants().get(usize::from(id).checked_sub(1)?)
    }
}
