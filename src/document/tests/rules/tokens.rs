//! Signed tokens: what is accepted, and that nothing else is.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use serin_assignment::Variant;
use serin_document::token::{Claims, Refusal, TesterKey, Token};
use serin_document::{Audience, KeyId, RolloutName, TesterKeys};

/// Computed by another implementation.
const VECTORS: &str = include_str!("tokens.json");

fn vectors() -> (TesterKeys, Vec<Value>) {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let keys = TesterKeys::read(vectors["keys"].to_string().as_bytes(), "keys").unwrap();
    (keys, vectors["tokens"].as_array().unwrap().clone())
}

fn claims_of(vector: &Value) -> Claims {
    let text = |field: &str| vector[field].as_str().unwrap();
    Claims {
        rollout: RolloutName::new(text("rollout")).unwrap(),
        variant: text("variant").parse().unwrap(),
        expires: vector["expires"].as_u64().unwrap(),
        audience: Audience::new(text("audience")).unwrap(),
    }
}

fn verify(token: &[u8], keys: &TesterKeys) -> Result<Claims, Refusal> {
    Token::read(token)?.verify(keys)
}

fn key(id: &str, byte: u8) -> TesterKey {
    TesterKey::new(KeyId::new(id).unwrap(), &[byte; 32]).unwrap()
}

fn keys_of(keys: &[&TesterKey]) -> TesterKeys {
    let entry = |key: &&TesterKey| serde_json::json!({"id": key.id(), "key": key.secret_base64()});
    let list = Value::Array(keys.iter().map(entry).collect());
    TesterKeys::read(list.to_string().as_bytes(), "keys").unwrap()
}

fn shop() -> Claims {
    Claims {
        rollout: RolloutName::new("shop/checkout").unwrap(),
        variant: Variant::Canary,
        expires: 1_000,
        audience: Audience::new("shop").unwrap(),
    }
}

#[test]
fn tokens_are_those_of_another_implementation() {
    let (keys, tokens) = vectors();
    assert!(tokens.len() >= 4);
    for vector in &tokens {
        let (claims, token) = (claims_of(vector), vector["token"].as_str().unwrap());
        let key = keys.find(vector["key"].as_str().unwrap()).unwrap();
        assert_eq!(claims.sign(key), token);
        assert_eq!(verify(token.as_bytes(), &keys), Ok(claims));
    }
}

#[test]
fn every_bit_of_a_token_counts() {
    let (keys, tokens) = vectors();
    for vector in &tokens {
        let token = vector["token"].as_str().unwrap().as_bytes();
        for bit in 0..token.len() * 8 {
            let mut changed = token.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let verdict = verify(&changed, &keys);
            assert!(verdict.is_err(), "{} holds", String::from_utf8_lossy(&changed));
        }
        for length in 0..token.len() {
            assert!(verify(&token[..length], &keys).is_err());
        }
    }
}

#[test]
fn another_key_is_unknown_or_signs_otherwise() {
    let (old, new) = (key("old", 1), key("new", 2));
    let token = shop().sign(&old);
    let rotated = keys_of(&[&new, &old]);
    assert_eq!(verify(token.as_bytes(), &rotated), Ok(shop()));
    assert_eq!(verify(token.as_bytes(), &keys_of(&[&new])), Err(Refusal::UnknownKey));
    assert_eq!(verify(token.as_bytes(), &TesterKeys::default()), Err(Refusal::UnknownKey));
    let other = keys_of(&[&key("old", 3)]);
    assert_eq!(verify(token.as_bytes(), &other), Err(Refusal::BadSignature));
    // An unknown id with a signature that the first key made for it.
    let forged = token.replace("~old~", "~new~");
    assert_eq!(verify(forged.as_bytes(), &rotated), Err(Refusal::BadSignature));
}

#[test]
fn a_token_opens_its_rollout_to_its_audience_until_it_ends() {
    let (rollout, audience) = (shop().rollout, shop().audience);
    let at = |seconds| move || Duration::from_secs(seconds);
    assert_eq!(shop().admit(&rollout, &audience, at(999)), Ok(Variant::Canary));
    assert_eq!(shop().admit(&rollout, &audience, at(1_000)), Err(Refusal::Expired));
    let not_asked = || panic!("the clock is asked for");
    let other = Audience::new("shop2").unwrap();
    assert_eq!(shop().admit(&rollout, &other, not_asked), Err(Refusal::OtherAudience));
    let other = RolloutName::new("shop/Checkout").unwrap();
    assert_eq!(shop().admit(&other, &audience, not_asked), Err(Refusal::OtherRollout));
}

#[test]
fn what_is_no_token_is_malformed() {
    let token = shop().sign(&key("k", 1));
    let (signed, signature) = token.rsplit_once('~').unwrap();
    for bad in [
        String::new(),
        "canary".to_owned(),
        "~".repeat(6),
        signed.to_owned(),
        format!("{signed}~"),
        format!("{signed}~{signature}="),
        format!("{signed}~{signature}A"),
        format!("{signed}~{}", &signature[1..]),
        format!("{signed}~more~{signature}"),
        format!(" {token}"),
        format!("{token} "),
        format!("\"{token}\""),
        token.replace("serin1~", "serin2~"),
        token.replace("serin1~", "SERIN1~"),
        token.replace("~k~", "~~"),
        token.replace("~k~", "~k k~"),
        token.replace("~canary~", "~both~"),
        token.replace("~1000~", "~01000~"),
        token.replace("~1000~", "~+1000~"),
        token.replace("~1000~", "~18446744073709551616~"),
        token.replace("~shop~", "~sh;op~"),
        token.replace("shop/checkout", "shop checkout"),
        "serin1~".to_owned() + &"a".repeat(600),
    ] {
        assert_eq!(Token::read(bad.as_bytes()), Err(Refusal::Malformed), "{bad:?}");
    }
    assert_eq!(Token::read(b"serin1~\xff"), Err(Refusal::Malformed));
}

#[test]
fn a_token_needs_no_escapes_where_it_is_sent() {
    let (_, tokens) = vectors();
    for vector in &tokens {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
        assert!(vector["token"].as_str().unwrap().bytes().all(plain));
    }
}

#[test]
fn the_longest_token_is_one() {
    let (id, name, audience) = ("i".repeat(32), "r".repeat(128), "a".repeat(64));
    let claims = Claims {
        rollout: RolloutName::new(&name).unwrap(),
        variant: Variant::Stable,
        expires: u64::MAX,
        audience: Audience::new(&audience).unwrap(),
    };
    let key = key(&id, 7);
    let token = claims.sign(&key);
    assert_eq!(verify(token.as_bytes(), &keys_of(&[&key])), Ok(claims));
}

#[test]
fn keys_are_told_nowhere() {
    let secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
    let good = format!(r#"[{{"id": "a", "key": "{secret}"}}]"#);
    let keys = TesterKeys::read(good.as_bytes(), "testerKeys").unwrap();
    assert_eq!(format!("{keys:?}"), "TesterKeys([TesterKey(…)])");
    for (bad, field) in [
        (format!("\"{secret}\""), "testerKeys"),
        (secret.to_owned(), "testerKeys"),
        (format!(r#"{{"a": "{secret}"}}"#), "testerKeys"),
        (format!(r#"["{secret}"]"#), "testerKeys[0]"),
        (format!(r#"[{{"id": "{secret}"}}]"#), "testerKeys[0].id"),
        (format!(r#"[{{"id": "a", "key": ["{secret}"]}}]"#), "testerKeys[0].key"),
        (format!(r#"[{{"id": "a", "key": "{secret}"}}"#), "testerKeys"),
        (format!(r#"[{{"id": "a", "key": "{}"}}]"#, &secret[4..]), "testerKeys[0].key"),
        (format!(r#"[{{"id": "a", "key": "{}"}}]"#, &secret[..43]), "testerKeys[0].key"),
        (format!(r#"[{{"id": "a", "kye": "{secret}"}}]"#), "testerKeys[0].key"),
        (format!(r#"[{{"id": "a", "key": "{secret}", "x": "{secret}"}}]"#), "testerKeys[0].x"),
        (format!(r#"[{{"id": "a b", "key": "{secret}"}}]"#), "testerKeys[0].id"),
        (
            format!(r#"[{{"id": "a", "key": "{secret}"}}, {{"id": "a", "key": "{secret}"}}]"#),
            "testerKeys[1].id",
        ),
        ("[]".to_owned(), "testerKeys"),
    ] {
        let fault = TesterKeys::read(bad.as_bytes(), "testerKeys").unwrap_err();
        assert_eq!(fault.field, field, "{fault}");
        let said = format!("{fault} {fault:?}");
        assert!(!said.contains(&secret[4..20]), "{said}");
    }
}

fn claims() -> impl Strategy<Value = Claims> {
    let variant = prop_oneof![Just(Variant::Canary), Just(Variant::Stable)];
    ("[a-zA-Z0-9._/-]{1,128}", variant, any::<u64>(), "[a-zA-Z0-9._/-]{1,64}").prop_map(
        |(rollout, variant, expires, audience)| Claims {
            rollout: RolloutName::new(&rollout).unwrap(),
            variant,
            expires,
            audience: Audience::new(&audience).unwrap(),
        },
    )
}

proptest! {
    #[test]
    fn what_is_signed_is_verified(
        claims in claims(),
        id in "[a-zA-Z0-9._-]{1,32}",
        secret in prop::collection::vec(any::<u8>(), 32..=256),
    ) {
        let key = TesterKey::new(KeyId::new(&id).unwrap(), &secret).unwrap();
        let token = claims.sign(&key);
        prop_assert!(Token::is_meant(token.as_bytes()));
        prop_assert_eq!(verify(token.as_bytes(), &keys_of(&[&key])), Ok(claims));
    }

    #[test]
    fn a_flipped_bit_is_refused(claims in claims(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let key = key("k", 9);
        let mut token = claims.sign(&key).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        prop_assert!(verify(&token, &keys_of(&[&key])).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let keys = keys_of(&[&key("k", 9)]);
        prop_assert!(verify(&bytes, &keys).is_err());
        let meant = [b"serin1~k~shop/checkout~canary~1000~shop~".as_slice(), &bytes].concat();
        prop_assert!(verify(&meant, &keys).is_err());
    }
}
