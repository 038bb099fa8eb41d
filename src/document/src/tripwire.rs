//! The tripwire of a rollout: when a proxy takes everyone off the canary by itself.

use alloc::format;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Serialize, Serializer};
use serin_assignment::Weight;

use crate::digits::decimal;
use crate::reading::Reading;
use crate::{Invalid, duration};

/// When a proxy that sees gross harm in the canary's answers sends everyone to stable, and for how
/// long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tripwire {
    /// How likely an identical canary trips it, at most.
    pub alpha: FalseTrips,
    /// The canary's own share of failed (or slow) requests below which nothing trips it, 0.1 % to
    /// 50 %.
    pub floor: Weight,
    /// Beyond what an answer is slow, 1 ms to 1 h in whole milliseconds; none where only errors
    /// trip it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text_or_none")]
    pub slow: Option<Duration>,
    /// How long a trip lasts that nothing else ends, 1 s to 24 h in whole milliseconds.
    #[serde(serialize_with = "as_text")]
    pub lasts: Duration,
}

impl Tripwire {
    /// The shortest and the longest bound of a slow answer.
    pub const SLOW: (Duration, Duration) = (Duration::from_millis(1), Duration::from_hours(1));
    /// The shortest and the longest time of a trip.
    pub const LASTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

    /// The rule of [`floor`](Self::floor).
    const FLOOR: &str =
        "a tripwire's floor is a percentage from 0.1% to 50% with at most two decimals, such as 2%";

    /// Reads a floor.
    ///
    /// # Errors
    /// [`Invalid`] where it is no percentage from 0.1 % to 50 %.
    pub fn floor(text: &str) -> Result<Weight, Invalid> {
        let fits = |floor: &Weight| (10..=5_000).contains(&floor.basis_points());
        text.parse().ok().filter(fits).ok_or_else(|| Invalid::new(text, Self::FLOOR))
    }
}

impl Default for Tripwire {
    fn default() -> Self {
        Self {
            alpha: FalseTrips::default(),
            floor: DEFAULT_FLOOR,
            slow: None,
            lasts: Duration::from_mins(15),
        }
    }
}

/// 2 %: twenty times what a release's gate for errors takes for harm by default.
const DEFAULT_FLOOR: Weight = match Weight::from_basis_points(200) {
    Some(floor) => floor,
    None => Weight::ZERO,
};

/// How likely an identical canary trips the wire, at most, at one proxy in one rollout: one in a
/// hundred to one in a thousand million, as a decimal fraction such as `0.0001`.
///
/// Kept as a whole number, so that a text reads back as the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FalseTrips(u32);

impl FalseTrips {
    /// Decimals that are kept.
    const DECIMALS: usize = 9;
    const ONE: u32 = 1_000_000_000;
    const MOST: u32 = Self::ONE / 100;

    const RULE: &str =
        "a tripwire's alpha is a decimal fraction from 0.000000001 to 0.01, such as 0.0001";

    /// The probability.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE)
    }

    fn read(text: &str) -> Option<Self> {
        let decimals = text.strip_prefix("0.").filter(|d| d.len() <= Self::DECIMALS)?;
        let left = u32::try_from(Self::DECIMALS - decimals.len()).ok()?;
        let parts = u32::try_from(decimal(decimals)? * 10_u64.pow(left)).ok()?;
        (1..=Self::MOST).contains(&parts).then_some(Self(parts))
    }
}

impl Default for FalseTrips {
    /// One in ten thousand: there are many proxies.
    fn default() -> Self {
        Self(Self::ONE / 10_000)
    }
}

impl FromStr for FalseTrips {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::read(text).ok_or_else(|| Invalid::new(text, Self::RULE))
    }
}

impl fmt::Display for FalseTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0width$}", self.0, width = Self::DECIMALS);
        write!(f, "0.{}", decimals.trim_end_matches('0'))
    }
}

impl Serialize for FalseTrips {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn as_text<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&duration::format(*time))
}

#[expect(clippy::ref_option, reason = "serde hands a field over so")]
fn as_text_or_none<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_text(time, serializer),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn read(reading: &mut Reading<'_>) -> Tripwire {
    reading.open();
    let default = Tripwire::default();
    let tripwire = Tripwire {
        alpha: reading
            .optional("alpha", |reading| reading.parsed(str::parse))
            .unwrap_or(default.alpha),
        floor: reading
            .optional("floor", |reading| reading.parsed(Tripwire::floor))
            .unwrap_or(default.floor),
        slow: reading.optional("slow", |reading| within(reading, Tripwire::SLOW)),
        lasts: reading
            .optional("lasts", |reading| within(reading, Tripwire::LASTS))
            .unwrap_or(default.lasts),
    };
    reading.close(&"alpha, floor, slow, lasts");
    tripwire
}

#[inline(never)]
fn within(reading: &mut Reading<'_>, (least, most): (Duration, Duration)) -> Option<Duration> {
    let found = reading.duration()?;
    if !(least..=most).contains(&found) {
        let (least, most) = (duration::format(least), duration::format(most));
        reading.wrong(&format_args!("from {least} to {most}"));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_reads_and_prints_the_same() {
        for text in ["0.0001", "0.01", "0.000000001", "0.00125"] {
            assert_eq!(text.parse::<FalseTrips>().unwrap().to_string(), text);
        }
        assert_eq!("0.000100".parse(), Ok(FalseTrips::default()));
        assert!((FalseTrips::default().get() - 1e-4).abs() < 1e-18);
        for bad in
            ["", "0", "1", "0.", "0.0", "0.02", "0.0000000001", "1e-4", "-0.001", ".001", "0.00+1"]
        {
            assert!(bad.parse::<FalseTrips>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_floor_is_a_share_that_can_be_exceeded() {
        for good in ["0.1%", "2%", "50%"] {
            assert_eq!(Tripwire::floor(good).unwrap().to_string(), good);
        }
        for bad in ["0%", "0.09%", "51%", "2", "two"] {
            assert!(Tripwire::floor(bad).is_err(), "{bad:?}");
        }
    }
}
