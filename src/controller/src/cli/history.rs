//! What a Prometheus has of the past, for commands that look back.

use core::time::Duration;
use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};
use serin_judge::panel::Counted;

use crate::counts::{Ledger, Start, bounds_from_stable, read};
use crate::gates::{Bounds, Measure};
use crate::metrics::{MetricsSettings, Source};
use crate::prometheus::{Address, Authentication, Settings};
use crate::release::Release;

/// How many scrapes are read at a time.
const CHUNK: u32 = 400;

/// The counts of a release's gates from a moment of the past on.
#[derive(Debug)]
pub(super) struct History {
    source: Source,
    ledger: Ledger,
    /// Up to when it was read, in milliseconds since 1970.
    read_to_ms: u64,
    end_ms: u64,
    /// What was read and not given yet, by time.
    waiting: Vec<Counted>,
}

/// How the Prometheus with a release's history is reached: at the release's own address unless
/// another one is given, and with what else the release says of it.
pub(super) fn settings(release: &Release, address: Option<&Address>) -> anyhow::Result<Settings> {
    match (&release.metrics, address) {
        (MetricsSettings::Prometheus(settings), None) => Ok(settings.clone()),
        (MetricsSettings::Prometheus(settings), Some(address)) => {
            Ok(Settings { address: address.clone(), ..settings.clone() })
        }
        (MetricsSettings::Targets(_), Some(address)) => Ok(Settings {
            address: address.clone(),
            scrape_interval: Settings::DEFAULT_SCRAPE_INTERVAL,
            timeout: Settings::DEFAULT_TIMEOUT,
            authentication: Authentication::None,
            ca_file: None,
            client_certificate: None,
            headers: Vec::new(),
        }),
        (MetricsSettings::Targets(_), None) => {
            bail!("the release reads pages, which have no history, and names no Prometheus")
        }
    }
}

impl History {
    /// The history from `start_ms` to `end_ms`, both in milliseconds since 1970. The bounds of
    /// latency gates are chosen as of its start where the release gives none.
    ///
    /// # Errors
    /// Where a certificate cannot be used, and where no bounds can be chosen.
    pub(super) async fn new(
        release: &Release,
        settings: Settings,
        start_ms: u64,
        end_ms: u64,
    ) -> anyhow::Result<Self> {
        let source = Source::new(MetricsSettings::Prometheus(settings)).await?;
        let subject = release.subject();
        let mut chosen = BTreeMap::new();
        for gate in &release.gates {
            let Some(ratio) = gate.ratio() else { continue };
            if !matches!(ratio.measure, Measure::Latency { bounds: Bounds::FromStable }) {
                continue;
            }
            let bounds = bounds_from_stable(&source, ratio, &subject, start_ms).await;
            let bounds = bounds.with_context(|| format!("the bounds of {}", gate.name))?;
            chosen.insert(gate.name.clone(), bounds);
        }
        let bounds = release.latency_bounds(&chosen);
        let start = Start { started_ms: start_ms, ..Start::default() };
        let interval = source.scrape_interval();
        let ledger = Ledger::new(&release.gates, &subject, &bounds, interval, &start);
        Ok(Self { source, ledger, read_to_ms: start_ms, end_ms, waiting: Vec::new() })
    }

    /// Where the history is.
    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    /// The time between two scrapes, in milliseconds.
    pub(super) fn scrape_ms(&self) -> u64 {
        millis(self.source.scrape_interval())
    }

    /// What was counted up to this time and not given before.
    ///
    /// # Errors
    /// Where some gate cannot be read.
    pub(super) async fn until(&mut self, at_ms: u64) -> anyhow::Result<Vec<Counted>> {
        let at_ms = at_ms.min(self.end_ms);
        while self.read_to_ms < at_ms {
            let next_ms = self.read_to_ms.saturating_add(self.scrape_ms() * u64::from(CHUNK));
            self.read_to_ms = next_ms.min(self.end_ms);
            let reading = read(&mut self.ledger, &self.source, self.read_to_ms).await;
            if let Some((gate, why)) = reading.unread.first_key_value() {
                return Err(anyhow!("{gate} cannot be read: {why}"));
            }
            self.waiting.extend(reading.counted);
        }
        let later = self.waiting.partition_point(|counted| counted.to_ms <= at_ms);
        let rest = self.waiting.split_off(later);
        Ok(core::mem::replace(&mut self.waiting, rest))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
