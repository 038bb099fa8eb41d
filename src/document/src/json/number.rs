//! Numbers as JSON writes them: in decimal, so that nothing is lost on the way.

use crate::digits::decimal;

/// The whole number that it is, however it is written: `4.711e3` is 4711. None for a fraction, and
/// beyond what 64 bits hold, also where it has as many digits and a negative exponent.
pub(crate) fn whole(number: &str) -> Option<i64> {
    let end = number.bytes().position(|byte| matches!(byte, b'e' | b'E'));
    let (digits, exponent) = number.split_at_checked(end.unwrap_or(number.len()))?;
    if digits.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'0')) {
        return Some(0);
    }
    let mut power = if exponent.is_empty() { 0 } else { signed(exponent.get(1..)?)? };
    let (mut value, mut zeros, mut is_fraction) = (0_i64, 0, false);
    for byte in digits.bytes() {
        match byte {
            b'-' => {}
            b'.' => is_fraction = true,
            // Those at the end of a fraction mean nothing, however many there are.
            b'0' if is_fraction => zeros += 1,
            digit => {
                let more = if is_fraction { zeros + 1 } else { 1 };
                for _ in 0..more {
                    value = value.checked_mul(10)?;
                }
                value = value.checked_add(i64::from(digit.wrapping_sub(b'0')))?;
                power -= if is_fraction { more } else { 0 };
                zeros = 0;
            }
        }
    }
    while power > 0 {
        (value, power) = (value.checked_mul(10)?, power - 1);
    }
    while power < 0 {
        if value % 10 != 0 {
            return None;
        }
        (value, power) = (value / 10, power + 1);
    }
    Some(if number.starts_with('-') { -value } else { value })
}

/// A number of 32 bits with or without a sign.
fn signed(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = i64::from(i32::try_from(decimal(digits)?).ok()?);
    Some(if text.starts_with('-') { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (number, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0e99", Some(0)),
            ("0.00e2147483648", Some(0)),
            ("7", Some(7)),
            ("-42", Some(-42)),
            ("4.711e3", Some(4711)),
            ("4711000E-3", Some(4711)),
            ("1.50e+1", Some(15)),
            ("1.000000000000000000000000", Some(1)),
            ("9007199254740991", Some(9_007_199_254_740_991)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1e19", None),
            ("1e999999999999", None),
            ("0.5", None),
            ("15e-1", None),
            ("1e-2147483648", None),
        ] {
            assert_eq!(whole(number), value, "{number}");
        }
    }
}
