//! Rates on the command line.

use core::str::FromStr;

use serin_judge::Share;

/// `GATE=SHARE[@PER_SECOND]`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GateRate {
    pub(super) gate: String,
    pub(super) share: Share,
    /// `None`: as many as there are requests.
    pub(super) per_second: Option<f64>,
}

impl FromStr for GateRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (gate, rate) = text
            .split_once('=')
            .ok_or("a gate and its share, such as checkout=3% or checkout=3%@12")?;
        let (text, number) = match rate.split_once('@') {
            Some((text, number)) => (text, Some(per_second(number)?)),
            None => (rate, None),
        };
        Ok(Self { gate: gate.to_owned(), share: share(text)?, per_second: number })
    }
}

/// A share: `0.5%` or `0.005`.
pub(super) fn share(text: &str) -> Result<Share, String> {
    const RULE: &str = "a share is above 0 % and below 100 %, such as 0.5% or 0.005";
    let (number, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    let number: f64 = number.trim_end().parse().map_err(|_| RULE)?;
    Share::try_new(number / scale).map_err(|_| RULE.to_owned())
}

/// A number of requests a second.
pub(super) fn per_second(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().unwrap_or(f64::NAN);
    // What no proxy of this world serves is a slip of the hand.
    if number > 0.0 && number <= 1e9 {
        return Ok(number);
    }
    Err("requests a second are a number above 0, at most 1e9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages_or_fractions() {
        for (text, value) in [("0.5%", 0.005), ("0.005", 0.005), ("3 %", 0.03), ("1e-4", 1e-4)] {
            assert!((share(text).unwrap().get() - value).abs() < 1e-15, "{text}");
        }
        for bad in ["", "%", "0", "100%", "1", "-1%", "NaN", "inf", "a few"] {
            assert!(share(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_gate_may_have_its_own_number_of_opportunities() {
        let rate: GateRate = "checkout=3%@12".parse().unwrap();
        assert_eq!((rate.gate.as_str(), rate.per_second), ("checkout", Some(12.0)));
        assert_eq!("checkout=3%".parse::<GateRate>().unwrap().per_second, None);
        for bad in ["checkout", "checkout=", "checkout=3%@", "checkout=3%@0", "checkout=3%@NaN"] {
            assert!(bad.parse::<GateRate>().is_err(), "{bad:?}");
        }
    }
}
