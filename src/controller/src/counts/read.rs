//! Asking a source for what a ledger needs.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use serin_judge::panel::Counted;

use super::Ledger;
use super::group::{Ask, Group};
use crate::metrics::{Fault, QueryError, Selector, Series, Source};

/// How many questions one pass asks for a group at most, so that a controller that was away for
/// long catches up without holding up the passes.
const MOST_QUESTIONS: usize = 20;

/// What a pass over the metrics gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Every interval that has become complete, each gate's in order.
    pub counted: Vec<Counted>,
    /// Gates that could not be read, and why. What they missed is counted when they can be.
    pub unread: BTreeMap<String, String>,
    /// Whether the filter has counts that its proxies do not export, because they define too many
    /// names; `None` where it was not read.
    pub evidence_capped: Option<bool>,
}

/// Reads what was counted up to `now_ms` (milliseconds since 1970).
///
/// It may be dropped at any time: what was read by then is given by the next call.
pub async fn read(ledger: &mut Ledger, source: &Source, now_ms: u64) -> Reading {
    let mut reading = Reading { unread: ledger.unusable.clone(), ..Reading::default() };
    let read = join_all(ledger.groups.iter_mut().map(|group| bring(group, source, now_ms))).await;
    for (group, result) in ledger.groups.iter_mut().zip(read) {
        reading.counted.extend(group.take());
        match result {
            Ok(()) => {
                if let Some(why) = group.implausible() {
                    reading.unread.extend(group.gates().map(|gate| (gate.to_owned(), why.clone())));
                }
                if let Some(capped) = group.capped() {
                    reading.evidence_capped = Some(reading.evidence_capped == Some(true) || capped);
                }
            }
            Err(why) => {
                reading.unread.extend(group.gates().map(|gate| (gate.to_owned(), why.clone())));
            }
        }
    }
    reading.counted.sort_by_key(|counted| counted.to_ms);
    reading
}

/// Brings a group up to date.
async fn bring(group: &mut Group, source: &Source, now_ms: u64) -> Result<(), String> {
    let selectors = group.selectors();
    let late_ms = u64::try_from(source.latest().as_millis()).unwrap_or(u64::MAX);
    for _ in 0..MOST_QUESTIONS {
        let Some(ask) = group.ask(now_ms) else { break };
        match ask {
            Ask::Baseline { from_ms, cut_ms, look_back } => {
                let recent = samples(&selectors, source, from_ms, cut_ms);
                let last = selectors.iter().map(|it| source.last(it, look_back, cut_ms));
                let (recent, last) = tokio::join!(recent, try_join_all(last));
                let last = last.map_err(|error| error.to_string())?;
                let recent = recent.map_err(|error| error.to_string())?;
                group.baseline(&recent.concat(), &last.concat());
                if !source.has_history() {
                    group.doubt_new_targets();
                }
            }
            Ask::Samples { from_ms, to_ms } => {
                let from_ms = from_ms.saturating_sub(late_ms);
                match samples(&selectors, source, from_ms, to_ms).await {
                    Ok(answers) => group.advance(&answers, to_ms)?,
                    // What many proxies have counted over many scrapes may come in parts.
                    Err(QueryError { fault: Fault::TooLarge { .. }, .. }) if group.ask_less() => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
    }
    Ok(())
}

async fn samples(
    selectors: &[Selector],
    source: &Source,
    from_ms: u64,
    to_ms: u64,
) -> Result<Vec<Vec<Series>>, QueryError> {
    let asked = selectors.iter().map(|selector| source.samples(selector, from_ms, to_ms));
    try_join_all(asked).await
}
