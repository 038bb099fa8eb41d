//! The judge's settings as types that hold no other values.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Which way an event's probability moves when the canary is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Worse {
    /// Errors, slow requests.
    Higher,
    /// Conversions.
    Lower,
}

/// A setting outside of its range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{value}: {rule}")]
pub struct OutOfRange {
    /// What was given.
    pub value: f64,
    /// What is allowed.
    pub rule: &'static str,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $fits:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Checks a value.
            ///
            /// # Errors
            /// [`OutOfRange`] with the rule.
            pub fn try_new(value: f64) -> Result<Self, OutOfRange> {
                let fits: fn(f64) -> bool = $fits;
                if fits(value) { Ok(Self(value)) } else { Err(OutOfRange { value, rule: $rule }) }
            }

            /// The value.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;

            fn try_from(value: f64) -> Result<Self, OutOfRange> {
                Self::try_new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The ratio canary/stable up to which (worse is higher) or down to which (worse is lower) a
    /// canary is taken for as good as stable: the null hypothesis' bound, rho0.
    Margin,
    |value| (1e-3..=1e3).contains(&value),
    "a margin is a ratio from 0.001 to 1000"
);
number!(
    /// phi: by how much more than independent requests' the counts of stable's pods vary. Every
    /// event counts 1/phi.
    Dispersion,
    |value| (1.0..=MOST_DISPERSED).contains(&value),
    "a dispersion is a number from 1 to 1000000"
);
number!(
    /// A probability that is neither 0 nor 1.
    Share,
    |value| value > 0.0 && value < 1.0,
    "a share lies between 0 and 1"
);
number!(
    /// The highest probability by which an identical canary may be rolled back in a whole rollout.
    Alpha,
    |value| value > 0.0 && value < 1.0,
    "alpha lies between 0 and 1"
);

impl Margin {
    /// The margin of gross harm: ten times stable's rate.
    pub(crate) const GROSS: Self = Self(10.0);

    /// The default: a tenth more errors, a twentieth fewer conversions.
    #[must_use]
    pub const fn default_for(worse: Worse) -> Self {
        match worse {
            Worse::Higher => Self(1.1),
            Worse::Lower => Self(0.95),
        }
    }
}

/// At so much clumping no rollout has events enough to say anything.
const MOST_DISPERSED: f64 = 1e6;

impl Dispersion {
    /// Events that are independent of each other.
    pub const NONE: Self = Self(1.0);

    /// The nearest dispersion to a value; for NaN, none.
    pub(crate) const fn nearest(value: f64) -> Self {
        Self(value.max(1.0).min(MOST_DISPERSED))
    }
}

impl Share {
    /// The default floor of errors: 0.1 %.
    pub const DEFAULT_FLOOR: Self = Self(0.001);
    /// The floor of gross harm: 10 %.
    pub(crate) const GROSS_FLOOR: Self = Self(0.1);
}

impl Alpha {
    /// What ln E has to reach: ln 1/alpha.
    #[must_use]
    pub fn log_threshold(self) -> f64 {
        -self.0.ln()
    }

    pub(crate) const fn tenth(self) -> Self {
        // The smallest float stays what it is: a tenth of it would be 0.
        Self((self.0 / 10.0).max(f64::MIN_POSITIVE))
    }
}

impl Default for Alpha {
    fn default() -> Self {
        Self(0.01)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0] {
            assert!(Margin::try_new(value).is_err(), "{value}");
            assert!(Dispersion::try_new(value).is_err(), "{value}");
            assert!(Share::try_new(value).is_err(), "{value}");
            assert!(Alpha::try_new(value).is_err(), "{value}");
        }
        assert!(Dispersion::try_new(0.999).is_err());
        assert!(Dispersion::try_new(1.0).is_ok());
        assert!(Share::try_new(1.0).is_err());
        assert!(Margin::try_new(1000.1).is_err());
        let fault = Share::try_new(2.0).unwrap_err();
        assert_eq!(fault.to_string(), "2: a share lies between 0 and 1");
    }

    #[test]
    fn stored_settings_are_checked_again() {
        let margin = Margin::default_for(Worse::Lower);
        assert_eq!(serde_json::to_string(&margin).unwrap(), "0.95");
        assert_eq!(serde_json::from_str::<Margin>("0.95").unwrap(), margin);
        assert!(serde_json::from_str::<Dispersion>("0.5").is_err());
    }

    #[test]
    fn one_percent_needs_a_hundredfold() {
        assert!((Alpha::default().log_threshold() - 100_f64.ln()).abs() < 1e-12);
    }
}
