//! One gate in one pass.

use core::time::Duration;

use serin_rollout::{GateReading, Verdict};

use super::{Gate, Judgement, Kind, Moment, Subject, Window};
use crate::prometheus::Client;

impl Gate {
    /// Asks and judges; `None` for gates that are judged on counts. It takes no longer than the
    /// client's deadline.
    pub async fn read(
        &self,
        client: &Client,
        subject: &Subject,
        moment: &Moment,
    ) -> Option<GateReading> {
        let Kind::Threshold(threshold) = &self.kind else { return None };
        let window = Window::of(threshold.window, moment, client.settings().scrape_interval);
        let Judgement { verdict, detail } = match window {
            Err(why) => Judgement::new(Verdict::NoData, why),
            Ok(window) => threshold.evaluate(client, subject, &window, moment).await,
        };
        Some(GateReading { gate: self.name.clone(), at_ms: moment.at_ms, verdict, detail })
    }

    /// What it says where it is not to judge, and why; `None` for gates that are judged on counts.
    #[must_use]
    pub fn says_nothing(&self, at_ms: u64, why: &str) -> Option<GateReading> {
        let Kind::Threshold(_) = &self.kind else { return None };
        let (gate, detail) = (self.name.clone(), why.to_owned());
        Some(GateReading { gate, at_ms, verdict: Verdict::NoComparison, detail })
    }

    /// How far back it looks; `None` for gates that are judged on counts of the whole rollout.
    #[must_use]
    pub const fn window(&self) -> Option<Duration> {
        match &self.kind {
            Kind::Ratio(_) => None,
            Kind::Threshold(it) => Some(it.window),
        }
    }
}
