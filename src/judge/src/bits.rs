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
