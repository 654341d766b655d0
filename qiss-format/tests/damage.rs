//! Damage and hostile lengths: clauses 6.5 and 9.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{cases, encode};
use qiss_format::{
    FRAME_BYTES_MAX, Flags, Frame, FrameBuilder, Kind, VerifyErrorKind, VerifyOptions, verify,
};

/// Frames with a checksum that differ in what a flipped bit can hit.
fn summed_frames() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = cases::valid()
        .into_iter()
        .map(|case| case.bytes)
        .filter(|bytes| Frame::peek(bytes).unwrap().flags().contains(Flags::CRC))
        .collect();
    // Zeros at the end of the payload are where a changed payload_len could go unnoticed.
    for len in 0..=16 {
        all.push(encode(FrameBuilder::new().crc(true), &vec![0; len]));
        all.push(encode(FrameBuilder::new().crc(true).topic("a.b").align64(true), &vec![1; len]));
    }
    all.push(encode(FrameBuilder::new().crc(true).kind(Kind::RESPONSE), &[0xff; 700]));
    all
}

fn options_for(bytes: &[u8]) -> VerifyOptions {
    VerifyOptions::new().with_expected_seq(Frame::peek(bytes).unwrap().seq())
}

#[test]
#[cfg_attr(miri, ignore = "exhaustive")]
fn no_single_flipped_bit_passes_a_checksum() {
    let frames = summed_frames();
    assert!(frames.len() > 30);
    for mut bytes in frames {
        let options = options_for(&bytes);
        verify(&bytes, &options).unwrap();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&bytes, &options).is_err(), "bit {bit} of {}", bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "exhaustive")]
fn three_flipped_bits_in_one_frame_do_not_pass_a_checksum() {
    let mut bytes = encode(FrameBuilder::new().crc(true), b"1234567");
    let options = VerifyOptions::new().with_require_crc(true);
    let bits: Vec<usize> = (0..bytes.len() * 8).filter(|bit| !(64..128).contains(bit)).collect();
    for (nth, first) in bits.iter().enumerate().step_by(3) {
        for (mth, second) in bits.iter().enumerate().skip(nth + 1).step_by(5) {
            for third in bits.iter().skip(mth + 1).step_by(7) {
                let flip = |bytes: &mut [u8]| {
                    for bit in [first, second, third] {
                        bytes[bit / 8] ^= 1 << (bit % 8);
                    }
                };
                flip(&mut bytes);
                assert!(verify(&bytes, &options).is_err(), "bits {first} {second} {third}");
                flip(&mut bytes);
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "exhaustive")]
fn a_flipped_bit_in_seq_is_a_frame_out_of_place() {
    let mut bytes = encode(FrameBuilder::new().crc(true), b"payload");
    for bit in 64..128 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = verify(&bytes, &VerifyOptions::new()).unwrap_err();
        assert_eq!(error.kind(), VerifyErrorKind::SeqMismatch);
        let found = Frame::peek(&bytes).unwrap().seq();
        verify(&bytes, &VerifyOptions::new().with_expected_seq(found)).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
#[cfg_attr(miri, ignore = "exhaustive")]
fn every_prefix_of_a_frame_is_truncated_and_says_what_it_needs() {
    for case in cases::valid() {
        let options = options_for(&case.bytes);
        for len in 0..case.bytes.len() {
            let error = verify(&case.bytes[..len], &options).unwrap_err();
            assert_eq!(error.kind(), VerifyErrorKind::Truncated, "{} {len}", case.name);
            let needed = if len < 64 { 64 } else { case.bytes.len() as u64 };
            assert_eq!((error.value(), error.limit()), (len as u64, needed));
        }
    }
}

#[test]
fn bytes_behind_a_frame_do_not_belong_to_it() {
    for case in cases::valid() {
        let options = options_for(&case.bytes);
        let followed = [case.bytes.as_slice(), &[0xff; 40]].concat();
        assert_eq!(verify(&followed, &options).unwrap().bytes(), case.bytes, "{}", case.name);
    }
}

#[test]
#[cfg_attr(miri, ignore = "exhaustive")]
fn adversarial_lengths_are_refused_without_reading_beyond() {
    let plain = encode(&FrameBuilder::new(), b"payload");
    let extremes = [0, 1, 7, 8, 63, 64, 65, 71, 72, 73, 2040, 1 << 31, FRAME_BYTES_MAX, u32::MAX];
    let options = VerifyOptions::new().with_frame_bytes_max(u32::MAX);
    for frame_len in extremes {
        for payload_len in extremes {
            for words in 0..=u8::MAX {
                let mut bytes = plain.clone();
                bytes[..4].copy_from_slice(&frame_len.to_le_bytes());
                bytes[19] = words;
                bytes[24..28].copy_from_slice(&payload_len.to_le_bytes());
                let exact = (u64::from(words) * 8 + u64::from(payload_len)).next_multiple_of(8);
                let fits = words >= 8 && u64::from(frame_len) == exact && exact <= 72;
                assert_eq!(Frame::peek(&bytes).is_ok(), fits, "{frame_len} {words} {payload_len}");
                // The padding is zero, or there is none, in these readings only.
                let clean = words == 8 && [0, 7, 8].contains(&payload_len);
                assert_eq!(verify(&bytes, &options).is_ok(), fits && clean);
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "exhaustive")]
fn every_extension_length_is_refused_or_stays_in_the_header() {
    let framed = encode(FrameBuilder::new().topic("flights").header("k", b"v"), b"tail");
    for extension_at in [64, 80] {
        for len in 0..=u16::MAX {
            let mut bytes = framed.clone();
            bytes[extension_at + 2..extension_at + 4].copy_from_slice(&len.to_le_bytes());
            let frame = Frame::peek(&bytes).unwrap();
            let total: usize = frame.extensions().map(|one| 8 + one.body().len()).sum();
            assert!(total <= frame.payload_offset() - 64);
            assert_eq!(frame.payload(), b"tail");
            // Without a checksum, zero padding may become a part of a user header's value.
            let acceptable = bytes == framed || extension_at == 80 && (2..=8).contains(&len);
            assert_eq!(verify(&bytes, &VerifyOptions::new()).is_ok(), acceptable, "{len}");
        }
    }
}

#[test]
fn every_error_tells_its_values_and_what_to_do() {
    for case in cases::invalid() {
        let options = VerifyOptions::new()
            .with_expected_seq(case.expected_seq)
            .with_frame_bytes_max(case.frame_bytes_max)
            .with_require_crc(case.require_crc);
        let text = verify(&case.bytes, &options).unwrap_err().to_string();
        let (finding, advice) = text.split_once("; ").expect(&text);
        assert!(finding.len() > 10 && advice.len() > 10, "{}: {text}", case.name);
    }
}
