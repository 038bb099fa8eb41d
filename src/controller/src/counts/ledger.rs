//! All ratio gates of a release, and where each was counted last.

use core::time::Duration;
use std::collections::BTreeMap;

use super::book::Book;
use super::custom::{Counters, Histogram, Who};
use super::cuts::Times;
use super::envoy::Envoy;
use super::filter::Filter;
use super::group::{Fed, Group, Preset};
use super::istio::Istio;
use super::linkerd::Linkerd;
use super::meaning::Stream;
use super::traefik::Traefik;
use crate::gates::{Counts, Gate, Kind, Measure, Ratio, Subject};
use crate::metrics::Selector;

/// Where counting starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The rollout's start, in milliseconds since 1970.
    pub started_ms: u64,
    /// The end of each gate's last interval that was stored, in milliseconds since 1970; the
    /// rollout's start for a gate that is absent.
    pub cuts: BTreeMap<String, u64>,
}

/// The bookkeeping of one release's counts. It takes samples and gives intervals, and knows no I/O:
/// [`read`](super::read()) asks for what it needs.
#[derive(Debug)]
pub struct Ledger {
    pub(super) groups: Vec<Group>,
    /// Gates that cannot be counted, and why.
    pub(super) unusable: BTreeMap<String, String>,
}

impl Ledger {
    /// A ledger of these gates' counts. `bounds` are those in force for the latency gates, by the
    /// gates' names.
    #[must_use]
    pub fn new(
        gates: &[Gate],
        subject: &Subject,
        bounds: &BTreeMap<String, Vec<Duration>>,
        scrape_interval: Duration,
        start: &Start,
    ) -> Self {
        let times = Times::of(scrape_interval);
        let mut ledger = Self { groups: Vec::new(), unusable: BTreeMap::new() };
        // Our own filter's series serve all gates that stand at the same cut.
        let mut filter: BTreeMap<u64, (Vec<Fed>, Vec<Stream>)> = BTreeMap::new();
        for gate in gates {
            let Kind::Ratio(ratio) = &gate.kind else { continue };
            let cut_ms = start.cuts.get(&gate.name).copied().unwrap_or(start.started_ms);
            let streams = match streams(ratio, bounds.get(&gate.name)) {
                Ok(streams) => streams,
                Err(why) => {
                    ledger.unusable.insert(gate.name.clone(), why.to_owned());
                    continue;
                }
            };
            if ratio.counts == Counts::Filter {
                let (fed, all) = filter.entry(cut_ms).or_default();
                let first = all.len();
                all.extend(streams);
                fed.push(Fed { gate: gate.name.clone(), streams: first..all.len() });
                continue;
            }
            match preset(ratio, subject, &streams) {
                Ok(preset) => {
                    let fed = vec![Fed { gate: gate.name.clone(), streams: 0..streams.len() }];
                    let book = Book::new(times, streams.len(), start.started_ms, cut_ms);
                    ledger.groups.push(Group::new(fed, streams, preset, book));
                }
                Err(why) => {
                    ledger.unusable.insert(gate.name.clone(), why.to_owned());
                }
            }
        }
        for (cut_ms, (fed, streams)) in filter {
            let book = Book::new(times, streams.len(), start.started_ms, cut_ms);
            let preset = Preset::Filter(Filter::new(&subject.metric_id, streams.clone()));
            ledger.groups.push(Group::new(fed, streams, preset, book));
        }
        ledger
    }

    /// All series that it asks for, so that a source that scrapes can keep them.
    #[must_use]
    pub fn selectors(&self) -> Vec<Selector> {
        self.groups.iter().flat_map(Group::selectors).collect()
    }
}

fn streams(ratio: &Ratio, bounds: Option<&Vec<Duration>>) -> Result<Vec<Stream>, &'static str> {
    match ratio.measure {
        Measure::ErrorRate { .. } => Ok(vec![Stream::Errors]),
        Measure::Conversion { .. } => Ok(vec![Stream::Conversions]),
        Measure::Latency { .. } => match bounds {
            Some(bounds) if !bounds.is_empty() => {
                Ok(bounds.iter().copied().map(Stream::Slow).collect())
            }
            _ => Err("its bounds are not chosen yet"),
        },
    }
}

fn preset(ratio: &Ratio, subject: &Subject, streams: &[Stream]) -> Result<Preset, &'static str> {
    match &ratio.counts {
        Counts::Filter => Ok(Preset::Filter(Filter::new(&subject.metric_id, streams.to_vec()))),
        Counts::Envoy => Ok(Preset::Envoy(Envoy::new(subject, streams.to_vec()))),
        Counts::Istio { sides, labels } => {
            Ok(Preset::Istio(Istio::new(sides.clone(), labels.clone(), streams.to_vec())))
        }
        Counts::Linkerd { sides, labels } => {
            Ok(Preset::Linkerd(Linkerd::new(sides.clone(), labels.clone(), streams.to_vec())))
        }
        Counts::Traefik => Ok(Preset::Traefik(Traefik::new(subject, streams.to_vec()))),
        Counts::Custom { events, opportunities, histogram, sides, cohort } => {
            let who = Who { sides: sides.clone(), cohort: cohort.clone() };
            match (&ratio.measure, events, opportunities, histogram) {
                (Measure::Latency { .. }, _, _, Some(histogram)) => {
                    Ok(Preset::Histogram(Histogram::new(who, histogram, streams.to_vec())))
                }
                (Measure::Latency { .. }, ..) => Err("it names no histogram"),
                (_, Some(events), Some(opportunities), _) => {
                    Ok(Preset::Counters(Counters::new(who, events, opportunities)))
                }
                _ => Err("it does not name both `events` and `opportunities`"),
            }
        }
    }
}
