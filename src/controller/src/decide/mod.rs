//! Decides for proxies that cannot run the filter: a sub-request about a request is answered with
//! the mark that the filter would have written.
//!
//! It is the filter's own decision, by the same document: [`serin_document::Compiled::decide`].
//! Nothing that stands in a sub-request makes it fail, since proxies take a failure for one of the
//! request itself.

mod answer;
mod asked;
mod figures;
mod target;

use core::time::Duration;

use axum::http::HeaderMap;
use serin_document::{Compiled, Decisions};

pub use figures::{Figures, Source, SourceState};
pub use target::Told;

use asked::Asked;

/// Decides about the request that a sub-request with these headers tells of, and counts it. The
/// headers of the answer.
pub fn decide(
    compiled: &Compiled,
    headers: &HeaderMap,
    told: Told,
    now: Duration,
    figures: &Figures,
) -> HeaderMap {
    let asked = Asked::new(headers, told, now);
    let decisions = compiled.decide(&asked);
    count(figures, &decisions);
    answer::headers(&decisions, headers)
}

fn count(figures: &Figures, decisions: &Decisions<'_>) {
    for decision in decisions.iter() {
        if let Some(found) = decision.rollout {
            figures.count(found.rollout, decision.variant, decision.reason);
        }
    }
}

#[cfg(test)]
mod tests;
