//! The port to metrics.

use core::time::Duration;
use std::sync::Arc;

use super::{QueryError, Sample, Scraper, Selector, Series, Targets};
use crate::prometheus::{self, Client, Clients, SetupError, promql};

/// The most points of a series that [`Source::thinned`] gives: a range's ends are exact to half a
/// per cent of its length, and four points a second over an hour would be too many.
const MOST_POINTS: u64 = 240;

/// Where a release's metrics come from, as its owner planned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsSettings {
    /// A Prometheus that scrapes the proxies.
    Prometheus(prometheus::Settings),
    /// The pages of the proxies or applications themselves.
    Targets(Targets),
}

impl MetricsSettings {
    /// The time between two samples of a series.
    #[must_use]
    pub const fn scrape_interval(&self) -> Duration {
        match self {
            Self::Prometheus(settings) => settings.scrape_interval,
            Self::Targets(targets) => targets.interval,
        }
    }

    /// The longest time that one question takes.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        match self {
            Self::Prometheus(settings) => settings.timeout,
            Self::Targets(targets) => targets.timeout,
        }
    }
}

/// Where metrics come from.
#[derive(Debug)]
pub enum Source {
    /// A Prometheus that scrapes the proxies.
    Prometheus(Arc<Client>),
    /// The pages of the proxies or applications themselves.
    Targets(Scraper),
}

impl Source {
    /// The source for these settings. Nothing is asked of a Prometheus yet; pages are read from now
    /// on. Must be called within a runtime.
    ///
    /// # Errors
    /// [`SetupError`] where a certificate or key cannot be used.
    pub async fn new(settings: MetricsSettings) -> Result<Self, SetupError> {
        Self::sharing(settings, &Clients::default()).await
    }

    /// The same, with the client of whoever asks the same Prometheus.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn sharing(settings: MetricsSettings, clients: &Clients) -> Result<Self, SetupError> {
        Ok(match settings {
            MetricsSettings::Prometheus(settings) => Self::Prometheus(clients.get(settings).await?),
            MetricsSettings::Targets(targets) => Self::Targets(Scraper::start(targets)?),
        })
    }

    /// The time between two samples of a series.
    #[must_use]
    pub fn scrape_interval(&self) -> Duration {
        match self {
            Self::Prometheus(client) => client.settings().scrape_interval,
            Self::Targets(scraper) => scraper.settings().interval,
        }
    }

    /// The longest time that one question takes.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Prometheus(client) => client.settings().timeout,
            Self::Targets(scraper) => scraper.settings().timeout,
        }
    }

    /// Whether it was there before this process, so that what it has never seen is new. A page that
    /// is read here for the first time may be of any age.
    #[must_use]
    pub const fn has_history(&self) -> bool {
        matches!(self, Self::Prometheus(_))
    }

    /// How much later than its time a sample may come, beyond what scrapes take at most in a
    /// Prometheus, whose time-out is never longer than its interval.
    #[must_use]
    pub const fn latest(&self) -> Duration {
        match self {
            Self::Prometheus(_) => Duration::ZERO,
            Self::Targets(scraper) => scraper.settings().timeout,
        }
    }

    /// Keeps the series of these selectors from now on, where that is up to us: of pages only what
    /// somebody asks for is kept. To be told before the first question, which else finds nothing
    /// and has the series kept from then on.
    pub fn keep(&self, selectors: impl IntoIterator<Item = Selector>) {
        match self {
            Self::Prometheus(_) => {}
            Self::Targets(scraper) => scraper.keep(selectors),
        }
    }

    /// The Prometheus, where there is one, for questions in the user's own `PromQL`.
    #[must_use]
    pub fn prometheus(&self) -> Option<&Client> {
        match self {
            Self::Prometheus(client) => Some(client),
            Self::Targets(_) => None,
        }
    }

    /// The raw samples after `from_ms` up to and with `to_ms`, both in milliseconds since 1970.
    /// Series without one are left out.
    ///
    /// # Errors
    /// [`QueryError`] where the source has no answer that can be trusted.
    pub async fn samples(
        &self,
        selector: &Selector,
        from_ms: u64,
        to_ms: u64,
    ) -> Result<Vec<Series>, QueryError> {
        match self {
            Self::Prometheus(client) => {
                let range = promql::duration(Duration::from_millis(to_ms.saturating_sub(from_ms)));
                let query = format!("{selector}[{range}]");
                Ok(after(client.all_samples(&query, to_ms).await?, from_ms))
            }
            Self::Targets(scraper) => scraper.samples(selector, from_ms, to_ms),
        }
    }

    /// Like [`Source::samples`], but of a long range only every n-th sample, so that no series has
    /// many more than 240: for growth over hours.
    ///
    /// # Errors
    /// [`QueryError`] where the source has no answer that can be trusted.
    pub async fn thinned(
        &self,
        selector: &Selector,
        from_ms: u64,
        to_ms: u64,
    ) -> Result<Vec<Series>, QueryError> {
        match self {
            Self::Prometheus(client) => {
                let step_ms = step_ms(to_ms.saturating_sub(from_ms), self.scrape_interval());
                let Some(step_ms) = step_ms else {
                    return self.samples(selector, from_ms, to_ms).await;
                };
                let step = Duration::from_millis(step_ms);
                // One step more: Prometheus looks at multiples of the step, the first of which may
                // lie a whole step after the start.
                let range = Duration::from_millis(to_ms.saturating_sub(from_ms)) + step;
                let (range, step) = (promql::duration(range), promql::duration(step));
                client.all_samples(&format!("{selector}[{range}:{step}]"), to_ms).await
            }
            // What is kept of the past is thinned already.
            Self::Targets(scraper) => scraper.samples(selector, from_ms, to_ms),
        }
    }

    /// The newest value of each series that has one at `at_ms` (milliseconds since 1970) or
    /// `within` before. The samples carry the time of the question, not their own.
    ///
    /// # Errors
    /// [`QueryError`] where the source has no answer that can be trusted.
    pub async fn last(
        &self,
        selector: &Selector,
        within: Duration,
        at_ms: u64,
    ) -> Result<Vec<Sample>, QueryError> {
        match self {
            Self::Prometheus(client) => {
                let query = format!("last_over_time({selector}[{}])", promql::duration(within));
                client.all_last(&query, at_ms).await
            }
            Self::Targets(scraper) => scraper.last(selector, within, at_ms),
        }
    }
}

/// The distance of samples where a range holds too many of them.
fn step_ms(range_ms: u64, scrape_interval: Duration) -> Option<u64> {
    let scrape_ms = u64::try_from(scrape_interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let every = (range_ms / scrape_ms).div_ceil(MOST_POINTS);
    (every > 1).then(|| scrape_ms.saturating_mul(every))
}

/// Older versions of Prometheus count a range's start to it.
fn after(mut series: Vec<Series>, from_ms: u64) -> Vec<Series> {
    for one in &mut series {
        one.points.retain(|point| point.at_ms > from_ms);
    }
    series.retain(|one| !one.points.is_empty());
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    #[test]
    fn long_ranges_have_fewer_samples() {
        let scrape = Duration::from_secs(15);
        assert_eq!(step_ms(97_500, scrape), None);
        assert_eq!(step_ms(3_600_000, scrape), None);
        assert_eq!(step_ms(86_400_000, scrape), Some(360_000));
    }

    #[test]
    fn the_start_is_not_part_of_a_range() {
        let series = |at: &[u64]| Series {
            labels: Labels::new(),
            points: at.iter().map(|at_ms| Point { at_ms: *at_ms, value: 1.0 }).collect(),
        };
        assert_eq!(after(vec![series(&[10, 11, 12]), series(&[10])], 10), [series(&[11, 12])]);
    }
}
