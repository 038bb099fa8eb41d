//! Testers' tokens, made and opened.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::Key;
use crate::identity::{base64url, encoded};
use crate::testers::side;

/// The side that a token opens, else the first reason that applies.
pub(crate) fn open(
    sent: &[u8],
    keys: &[Key],
    rollout: &str,
    audience: &str,
    now: Duration,
) -> Result<&'static str, &'static str> {
    let token = std::str::from_utf8(sent).map_err(|_| "malformed")?;
    let fields: Vec<&str> = token.split('~').collect();
    let [format, id, its_rollout, variant, expiry, its_audience, signature] = fields.as_slice()
    else {
        return Err("malformed");
    };
    let variant = side(variant.as_bytes()).ok_or("malformed")?;
    let ends: u64 = expiry.parse().map_err(|_| "malformed")?;
    let well_formed = *format == "serin1"
        && is_name(id, 32, "._-")
        && is_name(its_rollout, 128, "._-/")
        && is_name(its_audience, 64, "._-/")
        && ends.to_string() == *expiry
        && signature.len() == 43;
    let signature_bytes = base64url(signature.as_bytes()).filter(|_| well_formed);
    // What is not written as it is made is none: the last two bits of the last character are zero.
    let signature_bytes = signature_bytes.filter(|bytes| encoded(bytes) == *signature);
    let signature_bytes = signature_bytes.ok_or("malformed")?;
    let key = keys.iter().find(|key| key.id == *id).ok_or("unknown-key")?;
    let (signed, _) = token.rsplit_once('~').ok_or("malformed")?;
    if signature_bytes != hmac(&key.secret, signed.as_bytes()) {
        Err("bad-signature")
    } else if *its_rollout != rollout {
        Err("other-rollout")
    } else if *its_audience != audience {
        Err("other-audience")
    } else if now >= Duration::from_secs(ends) {
        Err("expired")
    } else {
        Ok(variant)
    }
}

fn is_name(text: &str, most: usize, others: &str) -> bool {
    (1..=most).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// A token for a side of a rollout.
#[must_use]
pub fn token(key: &Key, rollout: &str, side: &str, ends: u64, audience: &str) -> String {
    let signed = format!("serin1~{}~{rollout}~{side}~{ends}~{audience}", key.id);
    let signature = encoded(&hmac(&key.secret, signed.as_bytes()));
    format!("{signed}~{signature}")
}

/// RFC 2104, by its text.
fn hmac(secret: &[u8], text: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut key = if secret.len() > BLOCK { sha256(secret) } else { secret.to_vec() };
    key.resize(BLOCK, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    sha256(&[padded(0x5c), sha256(&[&padded(0x36), text].concat())].concat())
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python's `hmac` computed it.
    #[test]
    fn a_token_is_that_of_another_implementation() {
        let key = Key { id: "2026-11".to_owned(), secret: (0..32).collect() };
        let expected = "serin1~2026-11~shop/checkout~canary~1796050483~shop~SgPlBaGekyNeMiyh6DNNxBlOwRZ9pj-LcLazB6qWwM4";
        assert_eq!(token(&key, "shop/checkout", "canary", 1_796_050_483, "shop"), expected);
    }
}
