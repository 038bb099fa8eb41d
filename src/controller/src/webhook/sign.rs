//! The signature of a webhook, by the Standard Webhooks specification 1.0.0.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What the specification has in front of a key that is written down.
const PREFIX: &str = "whsec_";

/// Its shortest and longest key, in bytes.
const LENGTHS: core::ops::RangeInclusive<usize> = 24..=64;

/// A key that is shared with a receiver.
pub(super) struct Key(Vec<u8>);

/// A secret is not printed.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads a key as it is written down: `whsec_` and Base64.
    ///
    /// # Errors
    /// The rule that it breaks, without the key.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written = text.strip_prefix(PREFIX).unwrap_or(text);
        let key = STANDARD.decode(written).ok().filter(|key| LENGTHS.contains(&key.len()));
        key.map(Self).ok_or_else(|| {
            format!(
                "a signing key is `{PREFIX}` and {} to {} bytes in Base64, such as what `openssl \
                 rand -base64 32` prints",
                LENGTHS.start(),
                LENGTHS.end()
            )
        })
    }

    /// The value of the header `webhook-signature`. The time is in seconds since 1970, as in the
    /// header `webhook-timestamp`; a receiver that refuses old ones cannot be sent a message twice
    /// by whoever has listened in.
    pub(super) fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes a key of any length.
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_other_implementations() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let signature = key.signature(id, 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_being_shown() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_no base64", &"QUFB".repeat(30)] {
            let why = Key::parse(text).unwrap_err();
            assert!(why.contains("24 to 64 bytes"), "{why}");
        }
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
