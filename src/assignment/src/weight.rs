//! The canary's share.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString as _;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Bucket;

/// The canary's share of the users in basis points, 0 (nobody) to 10,000 (everybody).
///
/// As text it is a percentage with at most two decimals: `5%`, `0.25%`, `100%`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Weight(u16);

impl Weight {
    /// Nobody.
    pub const ZERO: Self = Self(0);
    /// Everybody.
    pub const FULL: Self = Self(Bucket::COUNT);

    /// A weight of so many basis points; none above 10,000.
    #[must_use]
    pub const fn from_basis_points(basis_points: u16) -> Option<Self> {
        if basis_points <= Bucket::COUNT { Some(Self(basis_points)) } else { None }
    }

    /// The weight in basis points, 0 to 10,000.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// The weight as a share, 0.0 to 1.0.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / f64::from(Bucket::COUNT)
    }

    /// Whether nobody is sent to the canary.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        let text = match (rest, rest % 10) {
            (0, _) => format!("{whole}%"),
            (_, 0) => format!("{whole}.{}%", rest / 10),
            _ => format!("{whole}.{rest:02}%"),
        };
        f.pad(&text)
    }
}

impl FromStr for Weight {
    type Err = InvalidWeight;

    fn from_str(text: &str) -> Result<Self, InvalidWeight> {
        parse(text).ok_or_else(|| InvalidWeight(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Weight> {
    // Digits before the point, and after it where there is one.
    let (mut before, mut after) = (0, None);
    let mut number = 0_u32;
    for byte in text.strip_suffix('%')?.bytes() {
        if byte == b'.' && after.is_none() {
            after = Some(0);
            continue;
        }
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        let count = after.as_mut().unwrap_or(&mut before);
        *count += 1;
        // What is longer is refused below, and would not fit.
        if *count > 3 {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    let scale = match after {
        None => 100,
        Some(1) => 10,
        Some(2) => 1,
        Some(_) => return None,
    };
    if before == 0 {
        return None;
    }
    Weight::from_basis_points(u16::try_from(number * scale).ok()?)
}

impl TryFrom<String> for Weight {
    type Error = InvalidWeight;

    fn try_from(text: String) -> Result<Self, InvalidWeight> {
        text.parse()
    }
}

impl From<Weight> for String {
    fn from(weight: Weight) -> Self {
        weight.to_string()
    }
}

/// The text is no weight.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a weight is a percentage from 0% to 100% with at most two decimals, such as 5% or 0.25%, not `{0}`"
)]
pub struct InvalidWeight(String);
