//! Claims, of which Envoy's own filter has checked the token.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::issuer::{Issuer, payload};

use super::{ENOUGH, MARK, SHOP, SHOP_SALT, World};

/// A host where only a claim of any kind is an id.
const KINDS: &str = "kinds.example.com";
/// The salt there.
const KINDS_SALT: &str = "demo/kinds";

/// The rollout at that host.
pub(crate) fn rollout() -> Value {
    let claim = json!([{"jwt": {"claim": ["user", "id"], "metadata": "payload"}}]);
    super::rollout(KINDS_SALT, KINDS, &claim)
}

/// The first source of the example: `sub`.
pub(crate) async fn verified(world: &World) -> Result<()> {
    for number in 0..ENOUGH {
        let id = format!("user-{number}");
        let token = bearer(&world.issuer, json!({"sub": id, "user": {"id": "other"}}))?;
        // What else the request says of itself doesn't count.
        let headers = [("authorization", &*token), ("x-user-id", "other")];
        world.is_placed_by((SHOP, SHOP_SALT), &headers, &id).await?;
    }
    Ok(())
}

/// The second source: a claim within a claim, in the header that Envoy forwards.
pub(crate) async fn forwarded(world: &World) -> Result<()> {
    for number in 0..ENOUGH {
        let id = 4_711 + u64::from(number);
        let token = bearer(&world.issuer, json!({"user": {"id": id}}))?;
        let headers = [("authorization", &*token), ("x-user-id", "other")];
        world.is_placed_by((SHOP, SHOP_SALT), &headers, &id.to_string()).await?;
    }
    Ok(())
}

/// A payload that nobody has signed is taken away, and a token of somebody else is refused.
pub(crate) async fn refused(world: &World) -> Result<()> {
    for number in 0..ENOUGH {
        let (forged, id) = (format!("forged-{number}"), format!("user-{number}"));
        let claims = payload(&json!({"sub": forged, "user": {"id": forged}}));
        let headers = [("x-jwt-payload", &*claims), ("x-user-id", &id)];
        world.is_placed_by((SHOP, SHOP_SALT), &headers, &id).await?;
    }
    let token = bearer(&Issuer::new()?, json!({"sub": "alice"}))?;
    let answer = world.get(SHOP, &[("authorization", &token)]).await?;
    ensure!(answer.status == 401, "{} {}", answer.status, answer.text());
    Ok(())
}

/// What each kind of claim is, told by Envoy without its type.
pub(crate) async fn kinds(world: &World) -> Result<()> {
    let mut cases: Vec<(Value, Option<String>)> = Vec::new();
    for number in 0..ENOUGH {
        let text = |text: String| (json!(text), Some(text));
        cases.push(text(format!("user-{number}")));
        // Eight bytes, as many as a number has, and one, as a bool.
        cases.push(text(format!("user-{number:03}")));
        cases.push(text(format!("AB12{number:03}C")));
        cases.push(text((number % 10).to_string()));
        cases.push(text(format!("Amélie-{number}")));
        for number in
            [u64::from(number), 4_711 + u64::from(number), (1 << 45) - u64::from(number + 1)]
        {
            cases.push((json!(number), Some(number.to_string())));
        }
        cases.push((json!(-1 - i64::from(number)), Some((-1 - i64::from(number)).to_string())));
        cases.push((json!(f64::from(number)), Some(number.to_string())));
    }
    cases.push((json!(true), Some("true".to_owned())));
    cases.push((json!(false), Some("false".to_owned())));
    for none in [
        json!(null),
        json!(""),
        json!(0.5),
        json!(1e300),
        json!(9_007_199_254_740_992_u64),
        json!([]),
        json!(["alice"]),
        json!([1, 2]),
        json!([true]),
        json!([["alice"]]),
        json!({}),
        json!({"id": "alice"}),
        json!({"a": 1}),
        json!("a\u{1}b"),
    ] {
        cases.push((none, None));
    }
    for (claim, id) in cases {
        let token = bearer(&world.issuer, json!({"user": {"id": claim}}))?;
        let headers = [("authorization", &*token)];
        let checked = match id {
            Some(id) => world.is_placed_by((KINDS, KINDS_SALT), &headers, &id).await,
            None => is_none(world, &headers).await,
        };
        checked.with_context(|| claim.to_string())?;
    }
    // Neither the outer claim nor one below the inner is there.
    for claims in [json!({"user": "alice"}), json!({"user": [{"id": "alice"}]}), json!({})] {
        let token = bearer(&world.issuer, claims.clone())?;
        is_none(world, &[("authorization", &token)]).await.with_context(|| claims.to_string())?;
    }
    is_none(world, &[]).await
}

async fn is_none(world: &World, headers: &[(&str, &str)]) -> Result<()> {
    let shown = world.see(KINDS, headers).await?.shown;
    ensure!(shown.values(MARK).is_empty(), "an id all the same: {:?}", shown.values(MARK));
    Ok(())
}

fn bearer(issuer: &Issuer, claims: Value) -> Result<String> {
    Ok(format!("Bearer {}", issuer.token(claims)?))
}
