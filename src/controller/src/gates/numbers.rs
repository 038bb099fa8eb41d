//! Numbers in words, for the details of readings.

use core::time::Duration;

/// A count that Prometheus gives, rounded down. What is added up or extrapolated may come out a hair
/// below the whole number that it is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; NaN and what is negative become 0"
)]
pub(crate) fn whole(count: f64) -> u64 {
    const HAIR: f64 = 1e-6;
    (count + HAIR).floor() as u64
}

/// A count with separated thousands: `2,801`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage, with as many decimals as tell small ones apart: `20.3 %`, `0.01 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A number with at most three significant decimals and no zeros at its end: `0.8`, `249.7`, `12`.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        _ => 6,
    };
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A duration in seconds: `9 s`, `1.5 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", number(duration.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (0.0, "0"),
            (0.8, "0.8"),
            (20.27, "20.3"),
            (249.96, "250"),
            (1234.5, "1234"),
            (0.000_12, "0.00012"),
            (-3.456, "-3.46"),
            (100.0, "100"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(percent(0.0002), "0.02 %");
        assert_eq!(whole(239.999_999_9), 240);
        assert_eq!(whole(239.9), 239);
        assert_eq!((whole(f64::NAN), whole(-1.0)), (0, 0));
        assert_eq!(whole(1_795_445_683_700.0), 1_795_445_683_700);
        assert_eq!(count(2801), "2,801");
        assert_eq!(count(100), "100");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(seconds(Duration::from_millis(1500)), "1.5 s");
    }
}
