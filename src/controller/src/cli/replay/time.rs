//! Points in time on the command line.

use core::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serin_document::duration;

/// A time as it was written: absolute, or before the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// RFC 3339, such as `2026-03-01T12:00:00Z`.
    At(Timestamp),
    /// `now`, or `-48h`.
    Before(core::time::Duration),
}

impl When {
    /// The time that is meant at `now_ms`, both in milliseconds since 1970.
    ///
    /// # Errors
    /// Where it lies before 1970.
    pub(super) fn at(self, now_ms: u64) -> Result<u64, String> {
        match self {
            Self::At(at) => {
                u64::try_from(at.as_millisecond()).map_err(|_| format!("{at}: it lies before 1970"))
            }
            Self::Before(ago) => u64::try_from(ago.as_millis())
                .ok()
                .and_then(|ago| now_ms.checked_sub(ago))
                .ok_or_else(|| format!("-{}: it lies before 1970", duration::format(ago))),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Before(core::time::Duration::ZERO));
        }
        if let Some(ago) = text.strip_prefix('-') {
            return duration::parse(ago).map(Self::Before).map_err(|why| why.rule.into_owned());
        }
        text.parse().map(Self::At).map_err(|_| {
            "a time is RFC 3339 such as 2026-03-01T12:00:00Z, or `now`, or `-48h`".to_owned()
        })
    }
}

/// A time for people.
pub(super) fn show(at_ms: u64) -> Timestamp {
    i64::try_from(at_ms)
        .ok()
        .and_then(|ms| Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_millis(ms)).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_before_the_present() {
        let now_ms = 1_795_445_683_700;
        let at = |text: &str| text.parse::<When>().unwrap().at(now_ms).unwrap();
        assert_eq!(at("now"), now_ms);
        assert_eq!(at("-48h"), now_ms - 48 * 3_600_000);
        assert_eq!(at("-1h30m"), now_ms - 5_400_000);
        assert_eq!(at("1970-01-01T00:00:01Z"), 1_000);
        assert_eq!(at("1970-01-01T01:00:01.5+01:00"), 1_500);
        assert_eq!(show(1_000).to_string(), "1970-01-01T00:00:01Z");
    }

    #[test]
    fn other_times_are_refused() {
        for bad in ["", "48h", "-", "-2w", "yesterday", "2026-03-01", "12:00", "1795445683"] {
            assert!(bad.parse::<When>().is_err(), "{bad:?}");
        }
        assert!("1969-12-31T23:59:59Z".parse::<When>().unwrap().at(1_000).is_err());
        assert!("-2s".parse::<When>().unwrap().at(1_000).is_err());
    }
}
