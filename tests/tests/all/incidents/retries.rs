//! Envoy tries a failed request again: on the side on which it was, and it is counted once.

use anyhow::{Result, ensure};
use serde_json::json;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::raw;
use serin_tests::site::Site;
use serin_tests::source::Answer;
use serin_tests::webapp::Behaviour;

use super::until;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";

#[tokio::test]
async fn a_retry_stays_on_its_side_and_is_counted_once() -> Result<()> {
    let retried = |example: serin_tests::configuration::Configuration| {
        example.replace(
            "route: {cluster: shop-canary}",
            "route: {cluster: shop-canary, retry_policy: {retry_on: 5xx, num_retries: 2}}",
        )
    };
    let site = Site::start_changed(1, Answer::document(&document(1, &[])), retried).await?;
    let clusters = json!({"stable": ["shop-stable"], "canary": ["shop-canary"]});
    let rollout = Rollout::new(NAME, HOST).weight("100%").with("clusters", clusters);
    site.publish(revision_now(), &[rollout]).await?;
    site.canary.behave(Behaviour { error_rate: 1.0, ..Behaviour::healthy("v2") });

    let answer = raw::get(site.envoy()?.port(), HOST, "/", &[("x-user-id", b"u")]).await?;
    let tries = (site.canary.answered(), site.stable.answered());
    ensure!((answer.status, tries) == (500, (3, 0)), "{}: {tries:?}", answer.status);
    let admin = site.envoy()?.admin();
    let errors = [("rollout", NAME), ("variant", "canary"), ("class", "error")];
    until(async || Ok(admin.sum("serin_responses", &errors).await?.is_some())).await?;
    let served = [("rollout", NAME), ("served", "canary")];
    for (metric, labels) in [("serin_responses", &errors[..]), ("serin_served", &served)] {
        let count = admin.sum(metric, labels).await?;
        ensure!(count == Some(1.0), "{metric}: {count:?}");
    }
    Ok(())
}
