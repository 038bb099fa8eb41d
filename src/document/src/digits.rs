//! Numbers and bytes as digits, each way by one small function: the core library has one for each
//! width of number and each base, and prints through all that formatting can do.

use alloc::string::String;

/// The number that decimal digits stand for. None where there is no digit or something else, and
/// beyond what 64 bits hold.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    for byte in text.bytes() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    if text.is_empty() { None } else { Some(number) }
}

/// Two lower-case hexadecimal digits for each byte.
#[inline(never)]
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimal_digits_alone_are_a_number() {
        for (text, number) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("100000000000000000000", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1 ", None),
            ("1:", None),
            ("1/", None),
            ("١", None),
        ] {
            assert_eq!(decimal(text), number, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_is_printed(number: u64) {
            prop_assert_eq!(decimal(&number.to_string()), Some(number));
            prop_assert_eq!(hexadecimal(&number.to_be_bytes()), format!("{number:016x}"));
        }
    }
}
