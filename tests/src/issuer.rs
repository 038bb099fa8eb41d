//! An issuer of tokens with a key of its own.

use anyhow::{Result, anyhow};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// The keys in the example.
pub const EXAMPLE_KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "example", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
/// The issuer in the example.
const ISSUER: &str = "https://id.example.com";

/// Signs tokens that Envoy verifies.
#[derive(Debug)]
pub struct Issuer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Issuer {
    /// One with a new key.
    ///
    /// # Errors
    /// Where the system has no random bytes.
    pub fn new() -> Result<Self> {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random);
        let made = made.map_err(|error| anyhow!("making a key: {error}"))?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random);
        Ok(Self { key: key.map_err(|error| anyhow!("reading a key: {error}"))?, random })
    }

    /// The public key as a set of keys.
    #[must_use]
    pub fn keys(&self) -> String {
        // A byte for the form, then x and y.
        let point = self.key.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "test",
            "x": encoded(x), "y": encoded(y),
        });
        json!({"keys": [key]}).to_string()
    }

    /// A token with these claims and the issuer's.
    ///
    /// # Errors
    /// Where it cannot be signed.
    pub fn token(&self, mut claims: Value) -> Result<String> {
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("iss".to_owned(), json!(ISSUER));
        }
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "test"});
        let signed = format!("{}.{}", encoded(header.to_string().as_bytes()), payload(&claims));
        let signature = self.key.sign(&self.random, signed.as_bytes());
        let signature = signature.map_err(|error| anyhow!("signing: {error}"))?;
        Ok(format!("{signed}.{}", encoded(signature.as_ref())))
    }
}

/// The claims as a token and a forwarded header carry them.
#[must_use]
pub fn payload(claims: &Value) -> String {
    encoded(claims.to_string().as_bytes())
}

fn encoded(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
