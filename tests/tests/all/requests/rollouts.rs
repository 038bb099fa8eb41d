//! The rollouts of the test's document, and how a request finds its own.

use anyhow::Result;
use serde_json::json;
use serin_tests::documents::Rollout;
use serin_tests::site::Site;

use super::marked;

/// Everybody with an identity is on the canary; the rest on stable.
pub(crate) const FULL: &str = "full.example.com";
/// Half of the users are on the canary.
pub(crate) const HALF: &str = "half.example.com";
/// The salt at that host.
pub(crate) const HALF_SALT: &str = "shop/half";
/// Half of the users are on the canary, by a query parameter.
pub(crate) const QUERY: &str = "query.example.com";
/// The salt at that host.
pub(crate) const QUERY_SALT: &str = "shop/query";
/// Half of the users are on the canary, by a cookie.
pub(crate) const COOKIE: &str = "cookie.example.com";
/// The salt at that host.
pub(crate) const COOKIE_SALT: &str = "shop/cookie";
/// Half of the callers are on the canary, by their address.
pub(crate) const ADDRESS: &str = "address.example.com";
/// The salt at that host.
pub(crate) const ADDRESS_SALT: &str = "shop/address";
/// Nobody is on the canary but testers.
pub(crate) const TESTERS: &str = "testers.example.com";
/// The canary must not serve.
pub(crate) const CLOSED: &str = "closed.example.com";
/// Half of the anonymous requests are on the canary.
pub(crate) const RANDOM: &str = "random.example.com";
/// Anonymous requests are left to the route.
pub(crate) const ROUTE: &str = "route.example.com";
/// A requirement that no module knows.
pub(crate) const FUTURE: &str = "future.example.com";
/// Half of the users are on the canary, and the application is told the cohort.
pub(crate) const COHORT: &str = "cohort.example.com";
/// The salt at that host.
pub(crate) const COHORT_SALT: &str = "shop/cohort";
/// The header that tells it.
pub(crate) const COHORT_HEADER: &str = "x-serin-cohort";
/// One rollout at `/checkout`, another one at all other paths.
const PATHS: &str = "paths.example.com";

/// One rollout a case.
pub(crate) fn all() -> Vec<Rollout> {
    let sources = json!([{"header": "x-user-id"}, {"cookie": "uid"}, {"query": "user"}]);
    let testers = json!([{"header": "x-try"}, {"cookie": "try"}, {"query": "try"}]);
    vec![
        Rollout::new("shop/full", FULL).weight("100%").with("identity", sources),
        Rollout::new(HALF_SALT, HALF).weight("50%"),
        Rollout::new(QUERY_SALT, QUERY).weight("50%").with("identity", json!([{"query": "user"}])),
        Rollout::new(COOKIE_SALT, COOKIE)
            .weight("50%")
            .with("identity", json!([{"cookie": "uid"}])),
        Rollout::new(ADDRESS_SALT, ADDRESS)
            .weight("50%")
            .with("identity", json!([{"address": {}}])),
        Rollout::new(COHORT_SALT, COHORT)
            .weight("50%")
            .with("cohortHeader", json!(COHORT_HEADER))
            .with("anonymous", json!("random"))
            .with("testers", testers.clone()),
        Rollout::new("shop/testers", TESTERS).with("testers", testers.clone()),
        Rollout::new("shop/everybody", "everybody.example.com")
            .weight("100%")
            .with("testers", testers.clone()),
        Rollout::new("shop/closed", CLOSED)
            .weight("100%")
            .with("canaryServes", json!(false))
            .with("testers", testers),
        Rollout::new("shop/random", RANDOM).weight("50%").with("anonymous", json!("random")),
        Rollout::new("shop/route", ROUTE).weight("100%").with("anonymous", json!("route")),
        Rollout::new("shop/future", FUTURE).weight("100%").with("requires", json!(["telepathy"])),
        Rollout::new("shop/checkout", PATHS).weight("100%").with("paths", json!(["/checkout"])),
        Rollout::new("shop/rest", PATHS),
        Rollout::new("shop/wild", "*.wild.example.com").weight("100%"),
        Rollout::new("shop/tame", "tame.wild.example.com"),
    ]
}

/// The longest prefix wins, on whole segments.
pub(crate) async fn paths(site: &Site) -> Result<()> {
    let cases = [
        ("/checkout", "canary"),
        ("/checkout/", "canary"),
        ("/checkout/pay?step=2", "canary"),
        ("/checkout?step=2", "canary"),
        ("/checkouts", "stable"),
        ("/cart?next=/checkout", "stable"),
        ("/", "stable"),
    ];
    for (path, side) in cases {
        marked(&site.see(PATHS, path, &[("x-user-id", b"u")]).await?, side)?;
    }
    Ok(())
}

/// An exact host before a wildcard; case, port and one trailing dot do not count.
pub(crate) async fn hosts(site: &Site) -> Result<()> {
    let cases = [
        ("a.wild.example.com", "canary"),
        ("a.b.wild.example.com", "canary"),
        ("A.Wild.Example.Com:8443", "canary"),
        ("a.wild.example.com.", "canary"),
        ("tame.wild.example.com", "stable"),
        ("Tame.wild.example.com.:80", "stable"),
    ];
    for (host, side) in cases {
        marked(&site.see(host, "/", &[("x-user-id", b"u")]).await?, side)?;
    }
    Ok(())
}
