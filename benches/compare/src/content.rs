//! What the messages carry: the sender writes every byte, the receiver sums every byte.

/// Multiplier between sequence numbers, so that neighbours differ in several bits.
const STEP: u64 = 31;

/// Writes the payload of message `sequence`; its length is a multiple of eight.
#[inline]
pub fn fill(payload: &mut [u8], sequence: u64) {
    for (k, word) in (0..).zip(payload.chunks_exact_mut(8)) {
        word.copy_from_slice(&(sequence.wrapping_mul(STEP) + k).to_le_bytes());
    }
}

/// The 64-byte payload of message `sequence`.
#[inline]
pub fn small(sequence: u64) -> [u8; 64] {
    let mut payload = [0; 64];
    fill(&mut payload, sequence);
    payload
}

/// Sums a payload as 64-bit words.
#[inline]
pub fn sum(payload: &[u8]) -> u64 {
    let words = payload.chunks_exact(8).map(|w| u64::from_le_bytes(w.try_into().expect("8 bytes")));
    words.fold(0, u64::wrapping_add)
}

/// What the messages `0..messages` of `payload_bytes` sum to.
pub fn expected_sum(messages: u64, payload_bytes: usize) -> u64 {
    let words = payload_bytes as u64 / 8;
    let sequences = (u128::from(messages) * u128::from(messages.saturating_sub(1)) / 2) as u64;
    let within = words * (words - 1) / 2;
    sequences.wrapping_mul(STEP).wrapping_mul(words).wrapping_add(messages.wrapping_mul(within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_sum_is_that_of_the_payloads() {
        let mut payload = [0; 1024];
        let total = (0..77).fold(0u64, |total, sequence| {
            fill(&mut payload, sequence);
            total.wrapping_add(sum(&payload))
        });
        assert_eq!(total, expected_sum(77, 1024));
    }
}
