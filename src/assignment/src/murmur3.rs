//! The hash that assignment, names and tables go by.

/// `murmur3_x86_32` with seed 0.
///
/// By slices, as the crate of that name reads through [`std::io::Read`]: four bytes at a time, each
/// of which could fail, and a request waits for it.
#[must_use]
pub fn murmur3_x86_32(bytes: &[u8]) -> u32 {
    Murmur3::START.of(bytes)
}

/// `murmur3_x86_32` of what has been read so far, and what is left of it: fewer than four bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Murmur3 {
    hash: u32,
    /// The bytes that are left, the first of them lowest.
    rest: u32,
    /// How many bits of `rest` they are.
    bits: u32,
    length: usize,
}

impl Murmur3 {
    pub(crate) const START: Self = Self { hash: 0, rest: 0, bits: 0, length: 0 };

    /// The same with these bytes after what has been read.
    #[inline]
    #[must_use]
    pub(crate) fn then(self, bytes: &[u8]) -> Self {
        let Self { mut hash, rest, mut bits, length } = self;
        // What is left comes first in each block, so blocks straddle those of the bytes: as 64 bits
        // they need not be cut.
        let mut rest = u64::from(rest);
        let (blocks, last) = bytes.as_chunks();
        for block in blocks {
            rest |= u64::from(u32::from_le_bytes(*block)) << bits;
            (hash, rest) = mixed(hash, rest);
        }
        for byte in last {
            rest |= u64::from(*byte) << bits;
            bits += 8;
            if bits == 32 {
                (hash, rest) = mixed(hash, rest);
                bits = 0;
            }
        }
        Self { hash, rest: low(rest), bits, length: length + bytes.len() }
    }

    /// The hash of what has been read with these bytes after it.
    #[inline]
    #[must_use]
    pub(crate) fn of(self, bytes: &[u8]) -> u32 {
        let Self { mut hash, rest, length, .. } = self.then(bytes);
        // Of nothing but zeros nothing comes, so that it need not be asked whether there is a rest.
        hash ^= scrambled(rest);
        // The hash takes the length's lower 32 bits.
        hash ^= low(length as u64);
        hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
        hash ^ hash >> 16
    }
}

/// The hash with a block, and what is left beyond it.
#[inline]
const fn mixed(hash: u32, rest: u64) -> (u32, u64) {
    let hash = hash ^ scrambled(low(rest));
    (hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64), rest >> 32)
}

#[inline]
const fn scrambled(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

#[expect(clippy::cast_possible_truncation, reason = "it says so")]
#[inline]
const fn low(bits: u64) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_hash_of_the_crate(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let expected = murmur3::murmur3_32(&mut bytes.as_slice(), 0).unwrap();
            prop_assert_eq!(murmur3_x86_32(&bytes), expected);
        }

        #[test]
        fn parts_have_the_hash_of_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..10), 0..5)) {
            let read = parts.iter().fold(Murmur3::START, |read, part| read.then(part));
            prop_assert_eq!(read.of(b""), murmur3_x86_32(&parts.concat()));
        }
    }
}
