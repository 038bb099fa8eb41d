//! One gate in one pass.

use serin_rollout::{GateReading, Verdict};

use super::{Gate, Judgement, Kind, Moment, Subject, Window};
use crate::prometheus::Client;

impl Gate {
    /// Asks and judges. It takes no longer than the client's deadline.
    pub async fn read(&self, client: &Client, subject: &Subject, moment: &Moment) -> GateReading {
        let judgement = match Window::of(self.window, moment, client.settings().scrape_interval) {
            Err(why) => Judgement::new(Verdict::NoData, why),
            Ok(window) => match &self.kind {
                Kind::Threshold(it) => it.evaluate(client, subject, &window, moment).await,
                Kind::EnvoyErrorRate(it) => it.evaluate(client, subject, &window).await,
                Kind::EnvoyLatency(it) => it.evaluate(client, subject, &window).await,
            },
        };
        let Judgement { verdict, detail } = judgement;
        GateReading { gate: self.name.clone(), at_ms: moment.at_ms, verdict, detail }
    }
}
