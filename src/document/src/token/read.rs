//! A token as it was sent.

use core::hint::black_box;

use serin_assignment::Variant;

use super::{Audience, Claims, FORMAT, Refusal, SEPARATOR, TesterKeys};
use crate::base64::Base64;
use crate::digits::decimal;
use crate::{KeyId, RolloutName};

/// The bytes of a signature, and the characters that they are written in.
const SIGNATURE: usize = 32;
const SIGNATURE_TEXT: usize = 43;

/// The longest token: the longest of each field.
const MAX_LEN: usize = 512;

/// A token that reads as one, from whomever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    key: &'a str,
    claims: Claims,
    signed: &'a str,
    signature: [u8; SIGNATURE],
}

impl<'a> Token<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for anything that [`Claims::sign`] would not have written.
    #[inline(never)]
    pub fn read(sent: &'a [u8]) -> Result<Self, Refusal> {
        read(sent).ok_or(Refusal::Malformed)
    }

    /// Whether bytes mean to be a token, sound or not.
    #[must_use]
    pub fn is_meant(sent: &[u8]) -> bool {
        sent.strip_prefix(FORMAT.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'~'))
    }

    /// The id of the key that it says it was signed with.
    #[must_use]
    pub const fn key(&self) -> &str {
        self.key
    }

    /// What it says, whoever has signed it.
    #[must_use]
    pub const fn unverified(&self) -> &Claims {
        &self.claims
    }

    /// What it says, where one of the keys has signed it.
    ///
    /// The work is the same whether or not its key is known, and the comparison takes the same time
    /// wherever the signature differs: the time of an answer tells nothing of keys.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`] or [`Refusal::BadSignature`].
    #[inline(never)]
    pub fn verify(self, keys: &TesterKeys) -> Result<Claims, Refusal> {
        let known = keys.find(self.key);
        let any = known.or_else(|| keys.iter().next()).ok_or(Refusal::UnknownKey)?;
        let holds = black_box(any.verify(self.signed.as_bytes(), &self.signature));
        match (known, holds) {
            (None, _) => Err(Refusal::UnknownKey),
            (Some(_), false) => Err(Refusal::BadSignature),
            (Some(_), true) => Ok(self.claims),
        }
    }
}

fn read(sent: &[u8]) -> Option<Token<'_>> {
    if sent.len() > MAX_LEN {
        return None;
    }
    let text = str::from_utf8(sent).ok()?;
    let (signed, signature) = text.rsplit_once(SEPARATOR)?;
    let mut fields = signed.split(SEPARATOR);
    let format = fields.next()?;
    let key = fields.next()?;
    let rollout = RolloutName::new(fields.next()?).ok()?;
    let variant = Variant::from_bytes(fields.next()?.as_bytes())?;
    let expires = seconds(fields.next()?)?;
    let audience = Audience::new(fields.next()?).ok()?;
    if format != FORMAT || fields.next().is_some() || !KeyId::fits(key) {
        return None;
    }
    if signature.len() != SIGNATURE_TEXT {
        return None;
    }
    let claims = Claims { rollout, variant, expires, audience };
    Some(Token { key, claims, signed, signature: Base64::Url.decode(signature)?.try_into().ok()? })
}

/// A whole number as it is written here: no sign, no zero before it.
fn seconds(text: &str) -> Option<u64> {
    decimal(text).filter(|_| text == "0" || !text.starts_with('0'))
}
