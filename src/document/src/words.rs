//! Bytes compared and looked through eight at a time. What the compiler brings along for both on Wasm
//! goes byte by byte, and every request waits for it.

/// How many bytes are taken at once.
const WORD: usize = 8;

/// Whether both are the same bytes.
#[inline]
#[must_use]
pub fn are_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut left, mut other_left) = (one, other);
    while let (Some((word, rest)), Some((other_word, other_rest))) =
        (left.split_first_chunk(), other_left.split_first_chunk())
    {
        if number(*word) != number(*other_word) {
            return false;
        }
        (left, other_left) = (rest, other_rest);
    }
    // What is left beyond the words is the end of one that overlaps the last of them.
    match (one.last_chunk(), other.last_chunk()) {
        (Some(end), Some(other_end)) => number(*end) == number(*other_end),
        _ => left.iter().zip(other_left).all(|(one, other)| one == other),
    }
}

/// The parts between the places of a byte: one more than there are such.
pub(crate) fn split(bytes: &[u8], mark: u8) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(bytes);
    core::iter::from_fn(move || {
        let (part, after) = cut(left?, mark);
        left = after;
        Some(part)
    })
}

/// What stands before the first `mark`, and what after it; nothing where it is absent.
#[inline]
pub(crate) fn cut(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let whole = (bytes, None);
    let Some(place) = position(bytes, mark) else { return whole };
    let (Some(before), Some(after)) = (bytes.get(..place), bytes.get(place + 1..)) else {
        return whole;
    };
    (before, Some(after))
}

/// Where a byte stands first.
#[inline]
fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<WORD>();
    let all = LOWEST * u64::from(wanted);
    let mut at = 0;
    for eight in words {
        // The byte that is wanted is zero now. Zero less one borrows, so its highest bit is set; that
        // of one beyond it may be set as well, but never one before.
        let differ = number(*eight) ^ all;
        let found = differ.wrapping_sub(LOWEST) & !differ & HIGHEST;
        if found != 0 {
            return Some(at + (found.trailing_zeros() / u8::BITS) as usize);
        }
        at += WORD;
    }
    rest.iter().position(|byte| *byte == wanted).map(|place| at + place)
}

/// The lowest bit of each byte, and the highest.
const LOWEST: u64 = u64::from_le_bytes([0x01; WORD]);
const HIGHEST: u64 = u64::from_le_bytes([0x80; WORD]);

/// Bytes as a number, the first of them lowest.
#[inline]
const fn number(bytes: [u8; WORD]) -> u64 {
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_of_another_length_are_others() {
        assert!(are_same(b"", b"") && !are_same(b"", b"a") && !are_same(b"12345678", b"123456789"));
    }

    proptest! {
        #[test]
        fn bytes_are_the_same_where_the_language_says_so(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            change in any::<prop::sample::Index>(),
        ) {
            prop_assert!(are_same(&bytes, &bytes.clone()));
            if !bytes.is_empty() {
                let mut other = bytes.clone();
                other[change.index(bytes.len())] ^= 1;
                prop_assert!(!are_same(&bytes, &other));
            }
        }

        #[test]
        fn a_byte_is_found_where_walking_finds_it(
            bytes in prop::collection::vec(prop_oneof![Just(b';'), Just(b':'), Just(b';' ^ 0x80), any::<u8>()], 0..40),
        ) {
            prop_assert_eq!(position(&bytes, b';'), bytes.iter().position(|byte| *byte == b';'));
            let parts: Vec<&[u8]> = split(&bytes, b';').collect();
            prop_assert_eq!(parts, bytes.split(|byte| *byte == b';').collect::<Vec<_>>());
        }
    }
}
