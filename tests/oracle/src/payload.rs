//! A token's payload, of which a header hands over the base64url. What is not asked for has to be
//! JSON, and may otherwise be what it likes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::from_str;
use serde_json::value::RawValue;

use crate::identity::{base64url, encoded};

/// The longest one.
const MOST: usize = 16 * 1_024;

/// The id at the end of a path of names.
pub(crate) fn claim(sent: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    if sent.len() > MOST {
        return None;
    }
    // Padding may be there.
    let sent = sent.strip_suffix(b"=").unwrap_or(sent);
    let sent = sent.strip_suffix(b"=").unwrap_or(sent);
    let json = base64url(sent).filter(|json| encoded(json).as_bytes() == sent)?;
    let mut found: Box<RawValue> = from_str(&String::from_utf8(json).ok()?).ok()?;
    for name in names {
        let Members(members) = from_str(found.get()).ok()?;
        let mut of_name = members.into_iter().filter(|(key, _)| key == name);
        let (_, first) = of_name.next()?;
        // Readers differ in which of two they take.
        if of_name.next().is_some() {
            return None;
        }
        found = first;
    }
    match found.get() {
        flag @ ("true" | "false") => Some(flag.as_bytes().to_vec()),
        text if text.starts_with('"') => {
            let text: String = from_str(text).ok()?;
            (!text.chars().any(char::is_control)).then(|| text.into_bytes())
        }
        number if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            whole(number).map(String::into_bytes)
        }
        _ => None,
    }
}

/// The digits of a whole number of at most 2^53 - 1, however it is written: with up to 64 bits of
/// digits and an exponent of up to 32. Zero is zero with every exponent.
fn whole(number: &str) -> Option<String> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let after = after.trim_end_matches('0');
    let digits: i64 = format!("{before}{after}").trim_start_matches('-').parse().ok()?;
    if digits == 0 {
        return Some("0".to_owned());
    }
    let power: i32 = exponent.trim_start_matches(['+', '-']).parse().ok()?;
    let power = if exponent.starts_with('-') { -i64::from(power) } else { i64::from(power) };
    let shift = power - i64::try_from(after.len()).ok()?;
    let zeros = "0".repeat(usize::try_from(shift.unsigned_abs().min(30)).ok()?);
    let digits = digits.to_string();
    let text = if shift < 0 { digits.strip_suffix(&zeros)?.to_owned() } else { digits + &zeros };
    let value: u128 = text.parse().ok()?;
    let sign = if number.starts_with('-') { "-" } else { "" };
    (value < 1 << 53).then(|| format!("{sign}{value}"))
}

/// An object's members in their order, those of one name beside each other.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn a_whole_number_is_its_digits() {
        for (number, digits) in [
            ("4711", Some("4711")),
            ("-7", Some("-7")),
            ("4711.0", Some("4711")),
            ("4.711e3", Some("4711")),
            ("4711000E-3", Some("4711")),
            ("-0.0", Some("0")),
            ("0e-22266666708", Some("0")),
            ("1e-22266666708", None),
            ("9007199254740991", Some("9007199254740991")),
            ("9007199254740992", None),
            ("1e40", None),
            ("0.5", None),
            ("5e-1", None),
        ] {
            assert_eq!(whole(number).as_deref(), digits, "{number}");
        }
    }
}
