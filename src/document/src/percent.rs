//! Percent-decoding of query names and values.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Decodes `%` with two hexadecimal digits to a byte. `+` stays a plus, and a `%` without two such
/// digits stays as it is.
#[inline]
pub(crate) fn decode(encoded: &[u8]) -> Cow<'_, [u8]> {
    if encoded.contains(&b'%') { Cow::Owned(escaped(encoded)) } else { Cow::Borrowed(encoded) }
}

#[inline(never)]
fn escaped(encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        let byte;
        (byte, rest) = match (first, after) {
            (b'%', [high, low, beyond @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, beyond),
                _ => (b'%', after),
            },
            _ => (*first, after),
        };
        decoded.push(byte);
    }
    decoded
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_broken_ones_stay() {
        for (encoded, decoded) in [
            ("plain", &b"plain"[..]),
            ("a%20b", b"a b"),
            ("%41%6a%6A", b"Ajj"),
            ("a+b", b"a+b"),
            ("%", b"%"),
            ("%4", b"%4"),
            ("%zz", b"%zz"),
            ("%4%41", b"%4A"),
            ("%%41", b"%A"),
            ("%2541", b"%41"),
            ("%ff%00", b"\xff\x00"),
            ("%c3%bc", "ü".as_bytes()),
        ] {
            assert_eq!(&*decode(encoded.as_bytes()), decoded, "{encoded}");
        }
    }

    #[test]
    fn nothing_is_copied_without_an_escape() {
        assert!(matches!(decode(b"alice+bob"), Cow::Borrowed(_)));
    }
}
