//! The frame's checksum and the 64-bit identifiers (`docs/spec/qiss.md`, clauses 6 and 7).

/// What `crc` holds for a sum of zero, because a zero there means "no checksum". Clause 6.3.
const ZERO_SUM: u32 = u32::MAX;

/// CRC32C (Castagnoli) of `bytes`: reflected, initial value and final xor all ones.
///
/// Runs on the processor's instructions where they exist and the feature `std` is on.
///
/// ```
/// assert_eq!(qiss_format::crc32c(b"123456789"), 0xE306_9283);
/// ```
#[must_use]
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    // Miri's symbolic alignment check refuses reads that the crate aligns by their address.
    #[cfg(all(feature = "std", not(miri)))]
    return crc32c::crc32c(bytes);
    #[cfg(any(not(feature = "std"), miri))]
    return table::crc32c(bytes);
}

/// The value of the `crc` field for the bytes it covers.
pub(crate) fn frame_sum(covered: &[u8]) -> u32 {
    match crc32c(covered) {
        0 => ZERO_SUM,
        sum => sum,
    }
}

/// The identifier of a topic: XXH3-64, seed 0, of its UTF-8 text. Clause 7.
///
/// A hint for filters and indexes: two topics may share it, so nothing is routed by it.
///
/// ```
/// assert_eq!(qiss_format::topic_id("flights.JFK"), qiss_format::type_id("flights.JFK"));
/// ```
#[must_use]
#[inline]
pub fn topic_id(topic: &str) -> u64 {
    twox_hash::XxHash3_64::oneshot(topic.as_bytes())
}

/// The identifier of a type (`pkg.Type`) or of a method (`pkg.Service/method`): XXH3-64, seed 0,
/// of its UTF-8 text. Clause 7.
#[must_use]
#[inline]
pub fn type_id(name: &str) -> u64 {
    twox_hash::XxHash3_64::oneshot(name.as_bytes())
}

/// The form without the standard library, which the tests also hold against the fast one.
#[cfg(any(test, not(feature = "std"), miri))]
mod table {
    const REFLECTED_POLYNOMIAL: u32 = 0x82F6_3B78;
    static TABLE: [u32; 256] = entries();

    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "evaluated when compiled, where a fault is an error; the index is below 256"
    )]
    const fn entries() -> [u32; 256] {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = (value >> 1) ^ (REFLECTED_POLYNOMIAL & 0u32.wrapping_sub(value & 1));
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    }

    #[expect(clippy::indexing_slicing, reason = "a byte indexes a table of 256 entries")]
    pub(super) fn crc32c(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |sum, &byte| {
            let [low, ..] = sum.to_le_bytes();
            (sum >> 8) ^ TABLE[usize::from(low ^ byte)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{crc32c, frame_sum, table, topic_id};

    #[test]
    fn the_checksum_equals_the_published_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(table::crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri runs the table alone")]
    fn the_fast_checksum_equals_the_table_at_every_length_and_alignment() {
        let bytes: [u8; 320] = core::array::from_fn(|at| (at as u8).wrapping_mul(31) ^ 0x5a);
        for start in 0..9 {
            for end in start..bytes.len() {
                let part = &bytes[start..end];
                assert_eq!(crc32c(part), table::crc32c(part), "{start}..{end}");
            }
        }
    }

    #[test]
    fn a_sum_of_zero_is_stored_as_all_ones() {
        // Four bytes chosen so that the register ends as all ones, which the final xor clears.
        let zero_sum = [0xab, 0x9b, 0xe0, 0x9b];
        assert_eq!(crc32c(&zero_sum), 0);
        assert_eq!(frame_sum(&zero_sum), u32::MAX);
        assert_eq!(frame_sum(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn identifiers_equal_the_published_xxh3_values() {
        assert_eq!(topic_id(""), 0x2D06_8005_38D3_94C2);
    }
}
