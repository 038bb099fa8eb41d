//! Floats that survive being stored, bit for bit.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A float that is stored as a decimal string and comes back with the same bits.
///
/// JSON numbers may lose the last bit on their way and have no infinities; Rust's shortest
/// decimal form of a float names exactly one float. The value is never NaN and never positive
/// infinity; negative infinity is the logarithm of nothing.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Bits(f64);

impl Bits {
    /// Zero.
    pub(crate) const ZERO: Self = Self(0.0);
    /// The logarithm of nothing.
    pub(crate) const LOG_OF_NOTHING: Self = Self(f64::NEG_INFINITY);

    /// Keeps a value. What no stored value may be becomes the nearest that is no evidence: NaN
    /// becomes negative infinity, positive infinity the largest float.
    pub(crate) const fn new(value: f64) -> Self {
        if value.is_nan() { Self(f64::NEG_INFINITY) } else { Self(value.min(f64::MAX)) }
    }

    /// The value.
    pub(crate) const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<String> for Bits {
    type Error = InvalidNumber;

    fn try_from(text: String) -> Result<Self, InvalidNumber> {
        match text.parse::<f64>() {
            Ok(value) if !value.is_nan() && value < f64::INFINITY => Ok(Self(value)),
            _ => Err(InvalidNumber(text)),
        }
    }
}

impl From<Bits> for String {
    fn from(exact: Bits) -> Self {
        exact.0.to_string()
    }
}

/// A stored string that is no usable number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no stored number: expected a decimal number or -inf")]
pub(crate) struct InvalidNumber(String);

/// A checked number in stored state.
pub(crate) mod exact {
    use core::fmt::Display;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error};

    use super::Bits;

    pub(crate) fn serialize<T, S>(value: &T, to: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + Into<f64>,
        S: Serializer,
    {
        Bits::new((*value).into()).serialize(to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: TryFrom<f64, Error: Display>,
        D: Deserializer<'de>,
    {
        T::try_from(Bits::deserialize(from)?.get()).map_err(D::Error::custom)
    }
}

/// The same where there may be none.
pub(crate) mod exact_option {
    use core::fmt::Display;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error};

    use super::Bits;

    #[expect(clippy::ref_option, reason = "serde hands a field over so")]
    pub(crate) fn serialize<T, S>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + Into<f64>,
        S: Serializer,
    {
        value.map(|value| Bits::new(value.into())).serialize(to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: TryFrom<f64, Error: Display>,
        D: Deserializer<'de>,
    {
        let stored = Option::<Bits>::deserialize(from)?;
        stored.map(|bits| T::try_from(bits.get()).map_err(D::Error::custom)).transpose()
    }
}

/// Counts in stored state: sums of what may be fractions.
pub(crate) mod exact_counts {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error};

    use super::Bits;
    use crate::Counts;

    pub(crate) fn serialize<S: Serializer>(counts: &Counts, to: S) -> Result<S::Ok, S::Error> {
        <[f64; 4]>::from(*counts).map(Bits::new).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Counts, D::Error> {
        let stored = <[Bits; 4]>::deserialize(from)?;
        Counts::try_from(stored.map(Bits::get)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Bits, serde_json::Error> {
        serde_json::from_str(json)
    }

    proptest! {
        #[test]
        fn every_float_comes_back_bit_for_bit(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan() && value != f64::INFINITY);
            let json = serde_json::to_string(&Bits::new(value)).unwrap();
            prop_assert_eq!(read(&json).unwrap().get().to_bits(), bits);
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for json in [r#""NaN""#, r#""inf""#, r#""1e400""#, r#""""#, r#"" 1""#, "1.5", "null"] {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!(read(r#""-inf""#).unwrap(), Bits::LOG_OF_NOTHING);
    }

    #[test]
    fn nothing_that_is_kept_is_nan_or_positive_infinity() {
        assert_eq!(Bits::new(f64::NAN), Bits::LOG_OF_NOTHING);
        assert_eq!(Bits::new(f64::INFINITY), Bits::new(f64::MAX));
    }
}
