//! Payloads that tell whether they are whole, and random choices that can be made again.

/// Bytes in front of the filling: who published it, and which one it is.
pub(crate) const HEAD_BYTES: usize = 16;

/// A payload of `len` bytes, at least [`HEAD_BYTES`].
pub(crate) fn filled(publisher: u64, number: u64, len: usize) -> Vec<u8> {
    let mut payload = vec![0; len];
    fill(&mut payload, publisher, number);
    payload
}

/// Writes it in place.
pub(crate) fn fill(payload: &mut [u8], publisher: u64, number: u64) {
    let (head, rest) = payload.split_at_mut(HEAD_BYTES);
    head[..8].copy_from_slice(&publisher.to_le_bytes());
    head[8..].copy_from_slice(&number.to_le_bytes());
    for (place, byte) in (number..).zip(rest) {
        *byte = filling(publisher, place);
    }
}

fn filling(publisher: u64, place: u64) -> u8 {
    (publisher ^ place.wrapping_mul(0x9E37_79B9)) as u8
}

/// Publisher and number of a payload that is whole.
pub(crate) fn checked(payload: &[u8]) -> (u64, u64) {
    let word = |at: usize| u64::from_le_bytes(payload[at..at + 8].try_into().unwrap());
    let (publisher, number) = (word(0), word(8));
    let is_whole = (number..)
        .zip(&payload[HEAD_BYTES..])
        .all(|(place, byte)| *byte == filling(publisher, place));
    assert!(is_whole, "torn: {number} of {publisher:x}, {} bytes", payload.len());
    (publisher, number)
}

/// SplitMix64: the same choices for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}
