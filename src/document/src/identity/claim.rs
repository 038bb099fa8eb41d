//! Claims of a JSON Web Token that somebody else has verified: in Envoy's metadata, or in a header
//! with the token's payload.
//!
//! Whichever way a claim comes, it gives the same id: a text as it is, a whole number in decimal,
//! `true` or `false`. Lists, objects and other numbers are no id. (Where a number is written with more digits
//! than a double holds, Envoy's metadata has it rounded; in a header it is no id.)

use alloc::boxed::Box;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::payload;
use crate::checked::{Checked, checked_text, keep};
use crate::names::is_line;
use crate::{Fault, HeaderName, Invalid, Joined, Request};

/// The longest name of a claim or of metadata, in bytes.
const MAX_LEN: usize = 256;

/// The largest number that a JSON number carries without a loss: beyond it two users' would be one.
const MAX_NUMBER: u64 = 9_007_199_254_740_991;

/// Where Envoy's filter for tokens puts what it has verified.
const JWT_AUTHN: &str = "metadata\0filter_metadata\0envoy.filters.http.jwt_authn";

/// The way to a claim: `sub`, or `user` and in it `id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath(Arc<[Box<str>]>);

impl ClaimPath {
    /// The deepest claim.
    pub const MAX_DEPTH: usize = 8;

    pub(crate) const RULE: &str = "a claim is its name, such as \"sub\", or the 1 to 8 names that lead to it, such as [\"user\", \"id\"], each of 1 to 256 bytes without control characters";

    /// Checks a path.
    ///
    /// # Errors
    /// [`Invalid`] where it is empty or too deep, or a name is empty, too long or holds a control
    /// character.
    pub fn new<T: AsRef<str>>(names: &[T]) -> Result<Self, Invalid> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        if (1..=Self::MAX_DEPTH).contains(&names.len())
            && names.iter().all(|name| is_line(name, MAX_LEN))
        {
            Ok(Self(names.into_iter().map(Into::into).collect()))
        } else {
            let mut found = Joined::by(".");
            found.extend(names);
            Err(Invalid::new(&found.into_text(), Self::RULE))
        }
    }

    /// Its names, from the outermost.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.0
    }
}

impl core::fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(&self.0.join("."))
    }
}

impl Serialize for ClaimPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [only] => serializer.serialize_str(only),
            names => serializer.collect_seq(names),
        }
    }
}

/// Under which name Envoy's filter puts the verified claims into its metadata
/// (`payload_in_metadata`): 1 to 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataKey(Arc<str>);

impl MetadataKey {
    const RULE: &str = "this is the payload_in_metadata of Envoy's jwt_authn filter, 1 to 256 bytes without control characters, such as payload";

    fn check(text: &str) -> Checked<'_> {
        keep(text, is_line(text, MAX_LEN), Self::RULE)
    }
}

checked_text!(MetadataKey);

/// A claim, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JwtClaim {
    claim: ClaimPath,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Metadata {
        key: MetadataKey,
        /// The claim's property, as the proxy is asked for it.
        property: Arc<str>,
    },
    Header(HeaderName),
}

impl JwtClaim {
    const RULE: &str = "a claim stands either in Envoy's verified metadata, such as {\"metadata\": \"payload\"}, or in a header with the payload, such as {\"header\": \"x-jwt-payload\"}";

    /// A claim that Envoy's own filter has verified.
    #[must_use]
    pub fn in_metadata(claim: ClaimPath, key: MetadataKey) -> Self {
        let mut property = Joined::by("\0");
        property.extend([JWT_AUTHN, key.as_str()]);
        property.extend(claim.names());
        let property = property.into_text().into();
        Self { claim, place: Place::Metadata { key, property } }
    }

    /// A claim in a header that carries a token's payload, as base64url of JSON.
    #[must_use]
    pub const fn in_header(claim: ClaimPath, header: HeaderName) -> Self {
        Self { claim, place: Place::Header(header) }
    }

    /// A claim in exactly one of the two.
    ///
    /// # Errors
    /// A [`Fault`] where none or both are given.
    pub fn new(
        claim: ClaimPath,
        metadata: Option<MetadataKey>,
        header: Option<HeaderName>,
    ) -> Result<Self, Fault> {
        match (metadata, header) {
            (Some(key), None) => Ok(Self::in_metadata(claim, key)),
            (None, Some(header)) => Ok(Self::in_header(claim, header)),
            (None, None) => Err(Fault::missing("metadata", Self::RULE)),
            (Some(_), Some(header)) => {
                Err(Fault::new("header", format_args!("\"{header}\""), Self::RULE))
            }
        }
    }

    /// The way to the claim.
    #[must_use]
    pub const fn claim(&self) -> &ClaimPath {
        &self.claim
    }

    /// The name of its metadata, where it is there.
    #[must_use]
    pub const fn metadata(&self) -> Option<&MetadataKey> {
        match &self.place {
            Place::Metadata { key, .. } => Some(key),
            Place::Header(_) => None,
        }
    }

    /// The header with the payload, where it is there.
    #[must_use]
    pub const fn header(&self) -> Option<&HeaderName> {
        match &self.place {
            Place::Metadata { .. } => None,
            Place::Header(header) => Some(header),
        }
    }

    /// The claim's id in a request.
    pub(crate) fn value(&self, request: &impl Request) -> Option<Vec<u8>> {
        match &self.place {
            Place::Metadata { property, .. } => from_property(request.property(property)?),
            Place::Header(header) => {
                payload::claim(&request.header(header.as_str())?, self.claim.names())
            }
        }
    }
}

impl core::fmt::Display for JwtClaim {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.place {
            Place::Metadata { key, .. } => write!(f, "JWT claim {} in metadata {key}", self.claim),
            Place::Header(header) => write!(f, "JWT claim {} in header {header}", self.claim),
        }
    }
}

impl Serialize for JwtClaim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("claim", &self.claim)?;
        match &self.place {
            Place::Metadata { key, .. } => map.serialize_entry("metadata", key)?,
            Place::Header(header) => map.serialize_entry("header", header)?,
        }
        map.end()
    }
}

/// The id in a property, which has a claim's value without its type: a text's bytes, a number's
/// eight (the lowest first), a bool's one. Lists and objects hold zero bytes, as no id does.
///
/// Eight bytes that read as text are taken for one. So are a few whole numbers, all above 2^45: of
/// those no byte needs to be zero.
#[inline(never)]
fn from_property(bytes: Vec<u8>) -> Option<Vec<u8>> {
    if let [bool @ (0 | 1)] = bytes.as_slice() {
        return Some(of_bool(*bool == 1));
    }
    if str::from_utf8(&bytes).is_ok_and(is_id) {
        return Some(bytes);
    }
    let number = f64::from_le_bytes(bytes.try_into().ok()?);
    // Beyond the range of whole numbers this gives their ends, which are beyond ours too.
    #[expect(clippy::cast_possible_truncation, reason = "see above")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "then it is another number")]
    let is_whole = whole as f64 == number;
    if is_whole { of_whole(whole) } else { None }
}

/// Whether a text can be an id: control characters say that it is something else.
pub(super) fn is_id(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

pub(super) fn of_bool(value: bool) -> Vec<u8> {
    if value { b"true".to_vec() } else { b"false".to_vec() }
}

/// A whole number in decimal, in the range.
pub(super) fn of_whole(value: i64) -> Option<Vec<u8>> {
    (value.unsigned_abs() <= MAX_NUMBER).then(|| value.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<String> {
        from_property(bytes.to_vec()).map(|id| String::from_utf8(id).unwrap())
    }

    #[test]
    fn a_property_is_a_text_a_number_or_a_bool() {
        for text in ["alice", "", "用户-7", "alice123", "12345678", "a b", "0"] {
            assert_eq!(read(text.as_bytes()).as_deref(), Some(text));
        }
        assert_eq!(read(&[1]).as_deref(), Some("true"));
        assert_eq!(read(&[0]).as_deref(), Some("false"));
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (4_711.0, "4711"),
            (1_795_445_683_700.0, "1795445683700"),
            (9_007_199_254_740_991.0, "9007199254740991"),
        ] {
            assert_eq!(read(&f64::to_le_bytes(number)).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_numbers_lists_and_objects_are_no_id() {
        for number in [0.5, 1e300, 9_007_199_254_740_992.0, f64::NAN, f64::INFINITY] {
            assert_eq!(read(&f64::to_le_bytes(number)), None, "{number}");
        }
        // What a map of one text looks like, and one that is empty.
        assert_eq!(read(b"\x01\0\0\0\x02\0\0\0\x05\0\0\0id\0alice\0"), None);
        assert_eq!(read(b"\0\0\0\0"), None);
        assert_eq!(read(b"a\nb"), None);
    }

    #[test]
    fn a_path_has_names() {
        assert_eq!(ClaimPath::new(&["user", "id"]).unwrap().to_string(), "user.id");
        let deep = ["a"; 8];
        assert!(ClaimPath::new(&deep).is_ok());
        // A name with dots, as namespaced claims have, is one name.
        assert_eq!(ClaimPath::new(&["https://example.com/id"]).unwrap().names().len(), 1);
        for bad in [&[][..], &["a"; 9], &[""], &["a", ""], &["a\0b"], &[&"x".repeat(257)]] {
            assert!(ClaimPath::new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_id_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(id) = from_property(bytes) {
                prop_assert!(str::from_utf8(&id).is_ok_and(is_id));
            }
        }

        #[test]
        fn whole_numbers_below_two_to_the_45_are_themselves(number in -(1_i64 << 45)..1 << 45) {
            #[expect(clippy::cast_precision_loss, reason = "it is in the range")]
            let bytes = f64::to_le_bytes(number as f64);
            prop_assert_eq!(read(&bytes), Some(number.to_string()));
        }
    }
}
