//! The hash that assignment, names and tables go by.

/// `murmur3_x86_32` with seed 0.
///
/// By slices, as the crate of that name reads through [`std::io::Read`]: four bytes at a time, each
/// of which could fail, and a request waits for it.
#[must_use]
pub fn murmur3_x86_32(bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks();
    let mut hash = 0_u32;
    for block in blocks {
        hash ^= scrambled(*block);
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    for (byte, left) in last.iter_mut().zip(rest) {
        *byte = *left;
    }
    // Of nothing but zeros nothing comes, so that it need not be asked whether there is a rest.
    hash ^= scrambled(last);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the hash takes the length's lower 32 bits"
    )]
    let length = bytes.len() as u32;
    hash ^= length;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

const fn scrambled(block: [u8; 4]) -> u32 {
    u32::from_le_bytes(block).wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
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
    }
}
