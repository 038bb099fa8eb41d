//! Durations as text: whole numbers with a unit, such as `250ms`, `25s`, `5m`, `1h30m` or
//! `7d`.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::string::ToString as _;
use core::time::Duration;

use crate::Invalid;
use crate::digits::decimal;

const RULE: &str = "a duration is whole numbers with a unit (d, h, m, s, ms), largest first, such as 250ms, 25s, 5m, 1h30m or 7d";

/// The units in milliseconds, largest first. A day has 24 hours.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration.
///
/// # Errors
/// [`Invalid`] where a number has no unit, a unit no number, a unit is unknown, stands twice or
/// after a smaller one, or the sum passes `u64` milliseconds.
pub fn parse(text: &str) -> Result<Duration, Invalid> {
    milliseconds(text).map(Duration::from_millis).ok_or_else(|| Invalid::new(text, RULE))
}

fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    let mut units = UNITS.iter();
    loop {
        let number_end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(number_end)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        // The iterator goes on where the last unit was found: only smaller ones are left.
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(decimal(number)?.checked_mul(*scale)?)?;
        if next.is_empty() {
            return Some(total);
        }
        rest = next;
    }
}

/// Writes a duration so that [`parse`] reads the same again; parts of a millisecond are dropped.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, scale) in UNITS {
        if rest >= scale {
            text.push_str(&(rest / scale).to_string());
            text.push_str(unit);
            rest %= scale;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_the_same() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("1ms", 1),
            ("250ms", 250),
            ("25s", 25_000),
            ("1s500ms", 1_500),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("1h2m3s4ms", 3_723_004),
            ("2d", 172_800_000),
            ("365d", 31_536_000_000),
            ("1d1ms", 86_400_001),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(text), Ok(duration));
            assert_eq!(format(duration), text);
        }
    }

    #[test]
    fn other_ways_to_write_one_are_read() {
        for (text, seconds) in
            [("90s", 90), ("0h1m", 60), ("007s", 7), ("60m", 3600), ("48h", 172_800)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [
            "",
            "5",
            "s",
            "5 s",
            "5S",
            "-5s",
            "+5s",
            "1.5s",
            "5sec",
            "5s5s",
            "5s5m",
            "5ms1s",
            "1w",
            "1h1d",
            "5m30",
            "٥s",
            "99999999999999999999s",
            "18446744073709551615s",
            " 5s",
            "5s ",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
