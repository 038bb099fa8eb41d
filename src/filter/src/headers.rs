//! A request's headers as the proxy hands them over: one block of bytes, searched in place.
//!
//! The block is a count, the lengths of each name and value, then each name and value with a zero
//! byte after it; numbers are `u32`, little-endian. Nothing is copied out of it and no byte in it
//! can make a reader fail: what doesn't fit is as if it were absent.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serin_document::are_same;

/// The bytes of a number in the block.
const NUMBER: usize = 4;

/// A block of headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderBlock {
    bytes: Vec<u8>,
    /// Where the lengths end and the texts begin; 0 where it says more lengths than it has.
    texts: usize,
}

impl HeaderBlock {
    /// Takes the bytes as they came.
    #[inline]
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let count = bytes.first_chunk().map_or(0, |count| u32::from_le_bytes(*count) as usize);
        let end = count.checked_mul(2 * NUMBER).and_then(|size| size.checked_add(NUMBER));
        let texts = end.filter(|end| *end <= bytes.len()).unwrap_or_default();
        Self { bytes, texts }
    }

    /// The values of all headers of a name (in lower case), in their order.
    #[inline]
    #[must_use]
    pub fn values<'a, 'n>(&'a self, name: &'n str) -> Values<'a, 'n> {
        let Headers { lengths, rest } = self.iter();
        Values { name: name.as_bytes(), lengths, texts: rest, at: 0 }
    }

    /// The first value of a name (in lower case).
    #[inline]
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.values(name).find().map(Cow::Borrowed)
    }

    /// All headers in their order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Headers<'_> {
        let lengths = self.bytes.get(NUMBER..self.texts).unwrap_or_default();
        Headers { lengths, rest: self.bytes.get(self.texts..).unwrap_or_default() }
    }
}

impl<'a> IntoIterator for &'a HeaderBlock {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Headers<'a>;

    fn into_iter(self) -> Headers<'a> {
        self.iter()
    }
}

/// Walks over the values of one name.
///
/// A request is searched for half a dozen names, most of which it doesn't have, so only a header
/// whose name is as long as the one that is wanted is looked at: of the others the lengths are
/// added up.
#[derive(Clone, Debug)]
pub struct Values<'a, 'n> {
    name: &'n [u8],
    lengths: &'a [u8],
    texts: &'a [u8],
    /// Where the next header's name begins in the texts. No number of lengths that a block has room
    /// for adds up to more than 64 bits.
    at: u64,
}

impl<'a> Values<'a, '_> {
    #[inline]
    fn find(&mut self) -> Option<&'a [u8]> {
        while let Some((pair, lengths)) = self.lengths.split_first_chunk::<{ 2 * NUMBER }>() {
            self.lengths = lengths;
            let [n0, n1, n2, n3, v0, v1, v2, v3] = *pair;
            let name = u32::from_le_bytes([n0, n1, n2, n3]);
            let value = u32::from_le_bytes([v0, v1, v2, v3]);
            let begin = self.at;
            // Each text has its zero byte behind it.
            self.at += u64::from(name) + u64::from(value) + 2;
            if name as usize == self.name.len() {
                let begin = usize::try_from(begin).ok()?;
                let pair = self.texts.get(begin..usize::try_from(self.at).ok()?)?;
                let (name, value) = pair.split_at_checked(self.name.len())?;
                if are_same(name, self.name) {
                    let [_, value @ .., _] = value else { return None };
                    return Some(value);
                }
            }
        }
        None
    }
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    /// Once for all who go on after the first, in place of a loop for each of them.
    #[inline(never)]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.find()
    }
}

/// The bytes of a block with these headers.
#[must_use]
pub fn encode(headers: &[(&str, &[u8])]) -> Vec<u8> {
    // What the filter writes is far below four gigabytes.
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(headers.len()).to_vec();
    for (name, value) in headers {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for text in headers.iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    bytes
}

/// Walks over a block of headers.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    lengths: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    fn length(&mut self) -> Option<usize> {
        let (length, lengths) = self.lengths.split_first_chunk::<NUMBER>()?;
        self.lengths = lengths;
        Some(u32::from_le_bytes(*length) as usize)
    }

    fn text(&mut self, length: usize) -> Option<&'a [u8]> {
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.get(1..)?;
        Some(text)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = (self.length()?, self.length()?);
        Some((self.text(name)?, self.text(value)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fake::block;

    #[test]
    fn the_first_of_several_counts() {
        let headers = block(&[(":path", b"/"), ("x-id", b"a"), ("cookie", b""), ("x-id", b"\xff")]);
        assert_eq!(headers.header("x-id").as_deref(), Some(b"a".as_slice()));
        assert_eq!(headers.header("cookie").as_deref(), Some(b"".as_slice()));
        assert_eq!(headers.header("x-i"), None);
        assert_eq!(headers.values("x-id").collect::<Vec<_>>(), [b"a".as_slice(), b"\xff"]);
    }

    #[test]
    fn a_block_that_lies_about_its_lengths_ends_early() {
        let whole = block(&[("a", b"1"), ("b", b"2")]);
        for cut in 0..whole.bytes.len() {
            let short = HeaderBlock::new(whole.bytes[..cut].to_vec());
            assert!(short.iter().count() < 2, "cut at {cut}");
        }
        assert_eq!(HeaderBlock::new(vec![0xff; 64]).iter().count(), 0);
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(pairs in prop::collection::vec(("[a-z:-]{0,12}", prop::collection::vec(any::<u8>(), 0..40)), 0..12)) {
            let given: Vec<(&str, &[u8])> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
            let block = block(&given);
            let read: Vec<(&[u8], &[u8])> = block.iter().collect();
            prop_assert_eq!(read, given.iter().map(|(n, v)| (n.as_bytes(), *v)).collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let block = HeaderBlock::new(bytes);
            let _ = block.iter().count();
            let _ = block.header("cookie");
        }

        #[test]
        fn a_name_is_found_wherever_walking_over_all_finds_it(
            pairs in prop::collection::vec(("[ab]{0,2}", "[xy]{0,3}"), 0..8),
            name in "[ab]{0,2}",
            cut in 0_usize..80,
        ) {
            let given: Vec<(&str, &[u8])> =
                pairs.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            let mut bytes = block(&given).bytes;
            bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(40)));
            let block = HeaderBlock::new(bytes);
            let all = block.iter().filter(|(found, _)| *found == name.as_bytes());
            let walked: Vec<&[u8]> = all.map(|(_, value)| value).collect();
            prop_assert_eq!(block.values(&name).collect::<Vec<_>>(), walked);
        }
    }
}
