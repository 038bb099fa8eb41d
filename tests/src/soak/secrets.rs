//! Keys, and what is signed with them: testers' tokens, sound ones and one of each kind that is refused,
//! and an issuer's tokens, which Envoy verifies.

use anyhow::Result;
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_document::token::{Claims, TesterKey};
use serin_document::{Audience, KeyId, RolloutName};

use super::rollouts::NAME;
use crate::issuer::Issuer;

/// For whom the testers' tokens are meant.
pub(super) const AUDIENCE: &str = "shop";
/// As far off as to be never reached.
const NEVER: u64 = 9_999_999_999;
/// Users with an issuer's token.
const BEARERS: u32 = 64;

/// All of it.
#[derive(Debug)]
pub(super) struct Secrets {
    keys: [TesterKey; 2],
    issuer: Issuer,
    tokens: Vec<String>,
    bearers: Vec<String>,
}

impl Secrets {
    pub(super) fn new() -> Result<Self> {
        let key = |id: &str, byte: u8| anyhow::Ok(TesterKey::new(KeyId::new(id)?, &[byte; 32])?);
        let keys = [key("new", 1)?, key("old", 2)?];
        let issuer = Issuer::new()?;
        let tokens = tokens(&keys, &key("lost", 3)?)?;
        let bearers = (0..BEARERS).map(|number| bearer(&issuer, number)).collect::<Result<_>>()?;
        Ok(Self { keys, issuer, tokens, bearers })
    }

    /// The keys of testers' tokens, as a filter's configuration has them.
    pub(super) fn tester_keys(&self) -> Value {
        let entry = |key: &TesterKey| json!({"id": key.id(), "key": key.secret_base64()});
        self.keys.iter().map(entry).collect()
    }

    /// The issuer's keys, as Envoy's own filter has them.
    pub(super) fn issuer_keys(&self) -> String {
        self.issuer.keys()
    }

    /// Testers' tokens.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Values of `authorization`.
    pub(super) fn bearers(&self) -> &[String] {
        &self.bearers
    }
}

fn tokens(keys: &[TesterKey], unknown: &TesterKey) -> Result<Vec<String>> {
    let sound = Claims {
        rollout: RolloutName::new(NAME)?,
        variant: Variant::Canary,
        expires: NEVER,
        audience: Audience::new(AUDIENCE)?,
    };
    let mut tokens = Vec::new();
    for key in keys {
        for variant in [Variant::Canary, Variant::Stable] {
            tokens.push(Claims { variant, ..sound.clone() }.sign(key));
        }
        let other = Claims { rollout: RolloutName::new("shop/claims")?, ..sound.clone() };
        tokens.push(other.sign(key));
        tokens.push(Claims { audience: Audience::new("site")?, ..sound.clone() }.sign(key));
        tokens.push(Claims { expires: 1, ..sound.clone() }.sign(key));
        tokens.push(sound.sign(key).replace("~canary~", "~stable~"));
    }
    tokens.push(sound.sign(unknown));
    let whole = sound.sign(unknown);
    tokens.push(whole.get(..whole.len() - 1).unwrap_or_default().to_owned());
    tokens.push(format!("serin1~{}", "x~".repeat(400)));
    Ok(tokens)
}

fn bearer(issuer: &Issuer, number: u32) -> Result<String> {
    let claims = match number % 4 {
        0 => json!({"sub": format!("claimed-{number}")}),
        1 => json!({"user": {"id": 4_711 + number}}),
        2 => json!({"sub": format!("staff-{number}"), "role": "staff"}),
        _ => json!({"sub": ["no", "id"], "user": {"id": {"deep": [[number]]}}, "role": true}),
    };
    Ok(format!("Bearer {}", issuer.token(claims)?))
}
