//! Numbers as JSON writes them: in decimal, so that nothing is lost on the way.

/// The whole number that it is, however it is written: `4.711e3` is 4711. None for a fraction, and
/// beyond what 64 bits hold, also where it has as many digits and a negative exponent.
pub(crate) fn whole(number: &str) -> Option<i64> {
    let digits = number.trim_start_matches('-');
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let after = after.trim_end_matches('0');
    let mut value = 0_i64;
    for digit in before.bytes().chain(after.bytes()) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit.wrapping_sub(b'0')))?;
    }
    if value == 0 {
        return Some(0);
    }
    let mut power = i64::from(exponent) - i64::try_from(after.len()).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (number, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0e99", Some(0)),
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
