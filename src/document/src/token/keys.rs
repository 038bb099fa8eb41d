//! The keys by which tokens are signed.
//!
//! One form everywhere, in a plugin's configuration, in the VM's environment and in a file:
//! `[{"id": "2026-11", "key": "<base64 of at least 32 random bytes>"}]`. A key shows in no error and
//! in no `Debug`.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use base64ct::Encoding as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::base64::Base64;
use crate::checked::{Checked, checked_text, is_made_of, keep};
use crate::json;
use crate::reading::{Key, Reading};
use crate::{Fault, Invalid};

/// The fewest bytes of a key: those of the hash's result. Fewer would be easier to guess than it.
const MIN_BYTES: usize = 32;
/// The most bytes: many times what any of them could add.
const MAX_BYTES: usize = 256;
/// The most keys: the one that signs, and those whose tokens have not all ended yet.
const MAX_KEYS: usize = 16;

const LIST_RULE: &str = "the keys as a list, such as [{\"id\": \"2026-11\", \"key\": \"…\"}], as `serin token key` makes it";
const KEY_RULE: &str = "a key is 32 to 256 random bytes as base64 with padding, as `serin token key` or `openssl rand -base64 32` makes one";

/// Tells keys apart: 1 to 32 letters, digits, `.`, `_`, `-`, such as the month in which it was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    const RULE: &str = "a key's id is 1 to 32 letters, digits, '.', '_' and '-', such as 2026-11";

    fn check(text: &str) -> Checked<'_> {
        keep(text, Self::fits(text), Self::RULE)
    }

    pub(super) fn fits(text: &str) -> bool {
        is_made_of(text, 32, b"._-")
    }
}

checked_text!(KeyId);

/// One key.
#[derive(Clone)]
pub struct TesterKey {
    id: KeyId,
    secret: Arc<[u8]>,
    /// Begun with the secret, which each signature else would begin anew.
    mac: Hmac<Sha256>,
}

impl TesterKey {
    /// A key of these bytes.
    ///
    /// # Errors
    /// [`Invalid`], without the bytes, where they are fewer than 32 or more than 256.
    pub fn new(id: KeyId, secret: &[u8]) -> Result<Self, Invalid> {
        let invalid = || Invalid { value: Fault::HIDDEN.to_owned(), rule: KEY_RULE.into() };
        if !(MIN_BYTES..=MAX_BYTES).contains(&secret.len()) {
            return Err(invalid());
        }
        // This hash takes keys of every length, so the other arm is never taken.
        let mac = Hmac::new_from_slice(secret).map_err(|_| invalid())?;
        Ok(Self { id, secret: secret.into(), mac })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The secret as text, for the file that it is kept in.
    #[must_use]
    pub fn secret_base64(&self) -> String {
        base64ct::Base64::encode_string(&self.secret)
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 32] {
        self.mac.clone().chain_update(bytes).finalize().into_bytes().into()
    }

    /// Compares in a time that does not tell how much of the signature is right.
    pub(super) fn verify(&self, bytes: &[u8], signature: &[u8; 32]) -> bool {
        self.mac.clone().chain_update(bytes).verify_slice(signature).is_ok()
    }
}

impl PartialEq for TesterKey {
    /// Compares keys of one proxy with each other, never with what a request has sent.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.secret == other.secret
    }
}

impl Eq for TesterKey {}

impl fmt::Debug for TesterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TesterKey(…)")
    }
}

/// The keys of a proxy or a file, each with an id of its own. The first one signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TesterKeys(Arc<[TesterKey]>);

impl TesterKeys {
    /// Reads keys as text; `at` says where they stand, for errors.
    ///
    /// # Errors
    /// [`Fault`], never with a key in it.
    pub fn read(text: &[u8], at: &str) -> Result<Self, Fault> {
        // What JSON's own reader says may quote the text.
        let json = json::read(text).map_err(|_| Fault::new(at, Fault::HIDDEN, LIST_RULE))?;
        let mut reading = Reading::named(&json, at);
        let keys = Self::within(&mut reading);
        reading.end(Some(keys))
    }

    /// Reads the keys of a plugin's configuration. Whatever stands where a key would may be one in
    /// the wrong place.
    pub(crate) fn within(reading: &mut Reading<'_>) -> Self {
        let keys = list(reading);
        reading.hide();
        Self(keys.into())
    }

    /// The keys in their order.
    pub fn iter(&self) -> impl Iterator<Item = &TesterKey> {
        self.0.iter()
    }

    /// Whether there is none, so that nobody can opt in by a token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with an id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&TesterKey> {
        self.iter().find(|key| key.id.as_str() == id)
    }
}

fn list(reading: &mut Reading<'_>) -> Vec<TesterKey> {
    let keys = reading.list(MAX_KEYS, "each is tried by its id for every token", key);
    if keys.is_empty() {
        reading.wrong(&LIST_RULE);
    }
    for (index, key) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|earlier| earlier.id == key.id) {
            let rule = "an id names one key, and an earlier one has it";
            let id = format_args!("\"{}\"", key.id);
            reading.wrong_at(&[Key::Entry(index), Key::Field("id")], &id, &rule);
        }
    }
    keys
}

fn key(reading: &mut Reading<'_>) -> Option<TesterKey> {
    reading.open();
    let id = reading.required_text("id", KeyId::RULE)?;
    let key = reading.required("key", KEY_RULE, |reading| {
        reading.parsed(|text| {
            let bytes = Base64::Padded.decode(text).unwrap_or_default();
            TesterKey::new(id, &bytes)
        })
    });
    reading.close(&"id, key");
    key
}
