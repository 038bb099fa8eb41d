//! Goes through history, look by look.

use futures_util::future::join_all;
use serin_rollout::{GateReading, Plan};

use super::course::{Course, End};
use crate::cli::history::History;
use crate::gates::{Moment, Subject};
use crate::release::Release;

/// Replays a release over its history.
///
/// # Errors
/// Where a gate cannot be read.
pub(super) async fn replay(
    release: &Release,
    mut history: History,
    (start_ms, end_ms): (u64, u64),
) -> anyhow::Result<Course> {
    let interval = history.source().scrape_interval();
    // What others would have said nobody knows: they count as having agreed. What was mirrored has left
    // nothing that users' requests could be told from.
    let plan = Plan { asks: Vec::new(), mirror: None, ..release.plan.clone() };
    let rules = release.rules();
    let mut course = Course::new(release.version.clone(), plan, rules, interval, start_ms);
    let subject = release.subject();
    let mut at_ms = start_ms;
    while at_ms <= end_ms && course.end() == End::Undecided {
        let counted = history.until(at_ms).await?;
        let gates = readings(release, &history, &subject, &course, at_ms).await;
        course.look(at_ms, counted, gates);
        at_ms = at_ms.saturating_add(history.scrape_ms());
    }
    Ok(course)
}

/// What the gates that ask by themselves find at this time.
async fn readings(
    release: &Release,
    history: &History,
    subject: &Subject,
    course: &Course,
    at_ms: u64,
) -> Vec<GateReading> {
    let state = course.state();
    let exposed_since_ms = state.exposed_since_ms;
    let moment = Moment { at_ms, exposed_since_ms, weight: state.traffic.weight };
    let Some(client) = history.source().prometheus() else { return Vec::new() };
    let reads = release.gates.iter().map(|gate| gate.read(client, subject, &moment));
    join_all(reads).await.into_iter().flatten().collect()
}
