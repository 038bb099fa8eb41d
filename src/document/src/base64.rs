//! Reads base64, of both alphabets, by one small function: the crate that writes it here would read it
//! by code that is several times larger, made anew for each alphabet.

use alloc::vec::Vec;

/// The two alphabets, each with its way to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base64 {
    /// With `+` and `/`, and `=` up to a whole number of four.
    Padded,
    /// With `-` and `_`, and nothing at the end.
    Url,
}

impl Base64 {
    /// The bytes that a text stands for; none where it is not the one text that stands for them.
    ///
    /// What may be a key is in it: no table is read at a place that depends on a digit, and nothing
    /// is done or left undone by one.
    pub(crate) fn decode(self, text: &str) -> Option<Vec<u8>> {
        let (digits, others) = match self {
            Self::Padded if !text.len().is_multiple_of(4) => return None,
            Self::Padded => (unpadded(text), *b"+/"),
            Self::Url => (text, *b"-_"),
        };
        let mut bytes = Vec::with_capacity(digits.len());
        let (mut kept, mut bits, mut right) = (0_u32, 0, 0);
        for byte in digits.bytes() {
            let digit = digit(byte, others);
            // Its sign is what makes a byte no digit.
            right |= digit;
            kept = kept << 6 | digit.cast_unsigned() & 63;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                let [.., byte] = (kept >> bits).to_be_bytes();
                bytes.push(byte);
                kept &= (1 << bits) - 1;
            }
        }
        // A digit on its own is no byte, and what is left over of others is zero.
        (right >= 0 && bits < 6 && kept == 0).then_some(bytes)
    }
}

/// Without padding.
pub(crate) fn unpadded(text: &str) -> &str {
    let once = text.strip_suffix('=').unwrap_or(text);
    once.strip_suffix('=').unwrap_or(once)
}

/// What a digit stands for; -1 for what is none.
fn digit(byte: u8, [plus, slash]: [u8; 2]) -> i32 {
    let byte = i32::from(byte);
    let mut digit = -1;
    for (first, last, value) in
        [(b'A', b'Z', 0), (b'a', b'z', 26), (b'0', b'9', 52), (plus, plus, 62), (slash, slash, 63)]
    {
        let (first, last) = (i32::from(first), i32::from(last));
        // All ones from the first to the last, else all zeros.
        let within = ((first - 1 - byte) & (byte - last - 1)) >> 8;
        digit += within & (byte - first + value + 1);
    }
    digit
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64 as Standard, Base64UrlUnpadded, Encoding as _};
    use proptest::prelude::*;

    use super::*;

    fn as_others_do(text: &str) {
        assert_eq!(Base64::Padded.decode(text), Standard::decode_vec(text).ok(), "{text}");
        assert_eq!(Base64::Url.decode(text), Base64UrlUnpadded::decode_vec(text).ok(), "{text}");
    }

    #[test]
    fn every_byte_is_a_digit_or_none_as_elsewhere() {
        for byte in 0..=127_u8 {
            as_others_do(&format!("AA{}A", char::from(byte)));
        }
    }

    #[test]
    fn a_text_ends_as_its_alphabet_has_it() {
        for text in ["", "=", "==", "====", "A", "A=", "A===", "AA", "AA=", "AA==", "AA===", "AB=="]
        {
            as_others_do(text);
        }
        for text in ["AAA", "AAA=", "AAA==", "AAB=", "AAAA", "AAAA=", "AAAA====", "AA==AAAA"] {
            as_others_do(text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>) {
            let padded = Base64::Padded.decode(&Standard::encode_string(&bytes));
            prop_assert_eq!(padded.as_ref(), Some(&bytes));
            let url = Base64::Url.decode(&Base64UrlUnpadded::encode_string(&bytes));
            prop_assert_eq!(url.as_ref(), Some(&bytes));
        }

        #[test]
        fn other_texts_are_read_or_refused_as_elsewhere(text in "[A-Da-d0-9+/_ =-]{0,12}") {
            as_others_do(&text);
        }
    }
}
