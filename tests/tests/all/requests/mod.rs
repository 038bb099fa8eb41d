//! What happens to a single request, on the real Envoy: one proxy with one document that holds a
//! rollout for each case, since a proxy takes seconds to start.

mod anonymous;
mod cohort;
mod identity;
mod mark;
mod rollouts;
mod rotation;
mod rules;
mod testers;
pub(crate) mod tokens;

use anyhow::{Context as _, Result, ensure};
use serin_tests::configuration::Configuration;
use serin_tests::documents::{document, revision_now};
use serin_tests::site::Site;
use serin_tests::source::Answer;
use serin_tests::webapp::Shown;

/// The header that marks a request.
const MARK: &str = "x-serin-variant";

#[tokio::test]
async fn requests_are_decided_by_the_stated_rules() -> Result<()> {
    decided_by_the_stated_rules(|example| example).await
}

/// The same with a changed example.
pub(crate) async fn decided_by_the_stated_rules(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<()> {
    // The example's second lock on the mark is opened here: the filter itself must hold.
    let unlocked = |example: Configuration| {
        change(example).replace("{remove: x-serin-variant}", "{remove: x-something-else}")
    };
    let site = Site::start_changed(1, Answer::document(&document(1, &[])), unlocked).await?;
    let all = [rollouts::all(), rules::all()].concat();
    site.publish(revision_now(), &all).await?;

    identity::header(&site).await.context("identity from a header")?;
    identity::cookie(&site).await.context("identity from a cookie")?;
    identity::query(&site).await.context("identity from a query parameter")?;
    identity::order(&site).await.context("order of the sources")?;
    identity::bytes(&site).await.context("ids that are no text")?;
    identity::length(&site).await.context("ids of every length")?;
    identity::address(&site).await.context("addresses that nobody trusted forwards")?;
    testers::opt_in_and_out(&site).await.context("opt-in and opt-out")?;
    testers::not_where_the_canary_must_not_serve(&site).await.context("testers without canary")?;
    mark::forged(&site).await.context("forged marks")?;
    mark::unknown_host(&site).await.context("an unknown host")?;
    mark::what_the_module_does_not_know(&site).await.context("unknown requirements")?;
    cohort::handed_over(&site).await.context("the cohort")?;
    cohort::forged(&site).await.context("forged cohorts")?;
    anonymous::stable(&site).await.context("anonymous: stable")?;
    anonymous::random(&site).await.context("anonymous: random")?;
    anonymous::route(&site).await.context("anonymous: route")?;
    rollouts::paths(&site).await.context("paths")?;
    rollouts::hosts(&site).await.context("hosts")?;
    rules::before_the_hash(&site).await.context("rules before the hash")?;
    rules::shared_out(&site).await.context("rollouts that share their users out")?;
    Ok(())
}

/// Checks that this side served and that exactly this one mark arrived.
fn marked(shown: &Shown, side: &str) -> Result<()> {
    let marks = shown.values(MARK);
    ensure!(
        shown.name == side && marks == [side],
        "not {side}: {} with marks {marks:?}",
        shown.name
    );
    Ok(())
}

/// Checks that no mark arrived and that the route's own default served.
fn unmarked(shown: &Shown) -> Result<()> {
    let marks = shown.values(MARK);
    ensure!(shown.name == "stable" && marks.is_empty(), "{} with marks {marks:?}", shown.name);
    Ok(())
}
