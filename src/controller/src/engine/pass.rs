//! One pass: what is known, judged and decided, and what follows from it.

use core::time::Duration;

use serin_rollout::{Now, Reason};
use tokio::time::Instant;

use super::judged::{self, Counts, Standing, Terms};
use super::pending::Pending;
use super::seen::{Observe, Question, Seen};
use super::task::Running;
use super::{Keep, Order, bounds};
use crate::folded::Folded;
use crate::store::StoreError;

/// A scrape is there a moment after its time stamp: a tenth of the interval, and never longer.
const STORING: Duration = Duration::from_millis(500);

impl<O: Observe, K: Keep> Running<O, K> {
    /// Decides with what is known and does what follows.
    pub(super) async fn pass(
        &mut self,
        seen: &Seen,
        order: Option<Order>,
    ) -> Result<Reason, StoreError> {
        let at = Instant::now();
        let since_last_pass = self.last_pass.replace(at).map_or(Duration::ZERO, |last| at - last);
        let now = Now { wall_ms: self.engine.clock.wall_ms(), since_last_pass };
        let mut standing = self.standing();
        let bounds = bounds::in_force(&self.engine.release, &self.record.bounds, seen.bounds());
        for gate in bounds::changed(&self.record.bounds, &bounds) {
            if let Some(panel) = &mut standing.panel {
                panel.forget(&self.rules, gate);
            }
        }
        let mut observation = seen.observation(
            self.engine.release.version.clone(),
            order.as_ref().map(|order| order.command),
        );
        if self.engine.route.is_some() {
            seen.surround(&mut observation, self.pending());
        }
        observation.preparing =
            bounds::missing(&self.engine.release, &self.record.bounds, seen.bounds());
        let judged = judged::pass(self.terms(), &standing, observation, seen.counts(), now);
        let reason = judged.outcome.decision.reason;
        self.last = Some(judged.outcome.decision.clone());
        self.findings.clone_from(&judged.findings);
        let settled = self.settle(judged, bounds, now, order).await;
        self.status(seen);
        settled.map(|()| reason)
    }

    /// Whether these counts alone are evidence that no other answer should be waited for.
    pub(super) fn is_harm(&self, counts: Option<&Counts>) -> bool {
        counts.is_some_and(|counts| judged::is_harm(self.terms(), &self.standing(), counts))
    }

    /// Whether the release, and who looks at the world for it, are those of the present roles. Right
    /// after a swap they are not: what they would see is of the other sides, so that nobody looks
    /// until the release was read anew.
    pub(super) fn knows_roles(&self) -> bool {
        self.engine.release.serving == self.record.state.traffic.serving
    }

    /// What the next observation is to be about.
    pub(super) fn question(&self) -> Question {
        let cuts =
            self.record.panel.as_ref().map(|panel| {
                panel.cuts().map(|(gate, cut_ms)| (gate.to_owned(), cut_ms)).collect()
            });
        Question {
            state: self.record.state.clone(),
            cuts: cuts.unwrap_or_default(),
            bounds: self.record.bounds.0.clone(),
        }
    }

    /// How long to wait for the next scrape that the judge has not seen: evidence is looked at as
    /// soon as it is there. `None` where nobody can tell when that will be.
    pub(super) fn until_next_scrape(&self) -> Option<Duration> {
        let panel = self.record.panel.as_ref()?;
        let cut_ms = panel.cuts().map(|(_, cut_ms)| cut_ms).max()?;
        let age = Duration::from_millis(self.engine.clock.wall_ms().checked_sub(cut_ms)?);
        let scrape = self.engine.scrape_interval();
        let due = scrape + (scrape / 10).min(STORING);
        match due.checked_sub(age) {
            Some(wait) => Some(wait),
            None if age < due + scrape => Some(scrape / 4),
            None => None,
        }
    }

    /// The weights that the route does not have yet, where there are such.
    fn pending(&self) -> Option<Pending<'_>> {
        let why = self.not_carried.as_ref()?.why();
        let published = self.record.published.as_ref().map(Folded::unfold);
        let in_document = published.and_then(|it| it.get("weight")?.as_str()?.parse().ok());
        Some(Pending { why, in_document })
    }

    fn standing(&self) -> Standing {
        Standing { state: self.record.state.clone(), panel: self.record.panel.clone() }
    }
}

impl<O, K> Running<O, K> {
    /// What the present step could have shown by now.
    pub(super) fn detectable(&self) -> Option<f64> {
        let findings = self.findings.as_ref()?;
        judged::detectable(self.terms(), &self.record.state, findings)
    }

    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            plan: &self.engine.release.plan,
            rules: &self.rules,
            scrape_interval: self.engine.scrape_interval(),
        }
    }
}
