//! Floats that are stored as text and come back bit for bit.
//!
//! JSON has no infinities, and not every reader of its numbers keeps all digits. The text is the
//! shortest one that gives the same number again.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A float in stored state; never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bits(pub(crate) f64);

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.parse::<f64>() {
            Ok(value) if !value.is_nan() => Ok(Self(value)),
            _ => Err(D::Error::custom(format!("`{text}` is not a number"))),
        }
    }
}

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
        Bits((*value).into()).serialize(to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: TryFrom<f64, Error: Display>,
        D: Deserializer<'de>,
    {
        T::try_from(Bits::deserialize(from)?.0).map_err(D::Error::custom)
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
        value.map(|value| Bits(value.into())).serialize(to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: TryFrom<f64, Error: Display>,
        D: Deserializer<'de>,
    {
        let stored = Option::<Bits>::deserialize(from)?;
        stored.map(|bits| T::try_from(bits.0).map_err(D::Error::custom)).transpose()
    }
}

/// Counts in stored state: sums of what may be fractions.
pub(crate) mod exact_counts {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error};

    use super::Bits;
    use crate::Counts;

    pub(crate) fn serialize<S: Serializer>(counts: &Counts, to: S) -> Result<S::Ok, S::Error> {
        <[f64; 4]>::from(*counts).map(Bits).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Counts, D::Error> {
        let stored = <[Bits; 4]>::deserialize(from)?;
        Counts::try_from(stored.map(|bits| bits.0)).map_err(D::Error::custom)
    }
}
