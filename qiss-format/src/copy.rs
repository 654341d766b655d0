//! Copying a small payload into memory whose lines another core holds.
//!
//! `memcpy` writes the ends of a small block twice, by overlapping stores. While a line is still
//! on its way from another core, each byte that is stored twice costs: a ring that does nothing else
//! carries a fifth to a quarter less when half of each frame is (`benches/compare`, rows `bare ring`).

use crate::limits::WORD;

/// Payloads from this length on are copied by `memcpy`.
const SMALL: usize = 256;

/// Copies `payload` to the start of `place` and clears the rest of its last word. `place` has the
/// payload's length, rounded up to a word.
#[inline(always)]
pub(crate) fn copy_padded(place: &mut [u8], payload: &[u8]) {
    if payload.len() >= SMALL {
        return copy_large(place, payload);
    }
    let rest = (place, payload);
    let rest = step::<128>(rest);
    let rest = step::<64>(rest);
    let rest = step::<32>(rest);
    let rest = step::<16>(rest);
    let (place, tail) = step::<WORD>(rest);
    if let Some(last) = place.first_chunk_mut::<WORD>() {
        *last = last_word(payload, tail).to_le_bytes();
    }
}

/// Copies `N` bytes if the length has that bit: no loop, which would be made a `memcpy` again.
#[inline(always)]
fn step<'p, 's, const N: usize>(
    (place, source): (&'p mut [u8], &'s [u8]),
) -> (&'p mut [u8], &'s [u8]) {
    if source.len() & N == 0 {
        return (place, source);
    }
    match (place.split_first_chunk_mut::<N>(), source.split_first_chunk::<N>()) {
        (Some((to, place)), Some((from, source))) => {
            *to = *from;
            (place, source)
        }
        _ => (&mut [], &[]),
    }
}

/// The last, incomplete word of a payload. Reading bytes twice costs nothing.
#[inline(always)]
fn last_word(payload: &[u8], tail: &[u8]) -> u64 {
    match payload.last_chunk::<WORD>() {
        Some(last) => {
            let excess =
                u32::try_from(WORD.saturating_sub(tail.len())).unwrap_or(8).saturating_mul(8);
            u64::from_le_bytes(*last).checked_shr(excess).unwrap_or(0)
        }
        None => tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

fn copy_large(place: &mut [u8], payload: &[u8]) {
    if let Some((to, padding)) = place.split_at_mut_checked(payload.len()) {
        to.copy_from_slice(payload);
        padding.fill(0);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn every_length_is_copied_and_padded_with_zeros() {
        let most: usize = if cfg!(miri) { 80 } else { 600 };
        for len in 0..most {
            let payload: Vec<u8> = (0..len).map(|byte| byte as u8 | 1).collect();
            let padded = len.next_multiple_of(WORD);
            let mut place = vec![0xAA; padded];
            copy_padded(&mut place, &payload);
            assert_eq!(place[..len], payload, "{len} bytes");
            assert!(place[len..].iter().all(|byte| *byte == 0), "padding of {len} bytes");
        }
    }
}
