//! Series that go on under other labels.
//!
//! Somebody labels a pod, or changes what Prometheus makes of its labels: from one scrape to the next
//! all series of a target end, and others begin where they were. Taken for born, all that the process
//! ever counted would count for this rollout. A process that starts anew ends series as well; then
//! others drop.

use std::collections::{BTreeMap, BTreeSet};

use super::key::Keyed;
use super::line::{Line, usable};
use crate::metrics::Point;

/// The series among `fresh` that seem to be another one that has just ended: of the same target, with
/// the same meaning, and not below where that was. `live_ms` is for how long a target is live after
/// its last sample.
pub(super) fn renamed(
    lines: &Keyed<Line>,
    fresh: &[(usize, &[Point])],
    live_ms: u64,
) -> BTreeSet<usize> {
    // By target: those that were not there before, with their first values.
    let mut begun: BTreeMap<usize, Vec<(usize, &Line, Point)>> = BTreeMap::new();
    for (place, points) in fresh {
        let Some(line) = lines.get(*place) else { continue };
        let first = points.iter().find(|point| usable(point));
        if let (None, Some(_), Some(first)) = (line.cursor, line.unit, first) {
            begun.entry(line.target).or_default().push((*place, line, *first));
        }
    }
    if begun.is_empty() {
        return BTreeSet::new();
    }
    let restarts = drops(lines, fresh);
    let newest: BTreeMap<usize, Point> = fresh
        .iter()
        .filter_map(|(place, points)| Some((*place, *points.iter().rfind(|point| usable(point))?)))
        .collect();
    let mut found = BTreeSet::new();
    for (place, old) in lines.values().iter().enumerate() {
        let Some(begun) = begun.get(&old.target) else { continue };
        let Some(last) = old.cursor.map(|cursor| *newest.get(&place).unwrap_or(&cursor)) else {
            continue;
        };
        let goes_on = |(_, new, first): &&(usize, &Line, Point)| {
            let just_ended =
                last.at_ms < first.at_ms && first.at_ms <= last.at_ms.saturating_add(live_ms);
            just_ended
                && last.value <= first.value
                && new.means(old)
                && !restarts.contains(&(old.target, first.at_ms))
        };
        found.extend(begun.iter().filter(goes_on).map(|(place, ..)| *place));
    }
    found
}

/// When a series of which target dropped.
fn drops(lines: &Keyed<Line>, fresh: &[(usize, &[Point])]) -> BTreeSet<(usize, u64)> {
    let mut found = BTreeSet::new();
    for (place, points) in fresh {
        let Some(line) = lines.get(*place).filter(|line| line.unit.is_some()) else { continue };
        let mut before = line.cursor;
        for point in points.iter().filter(|point| usable(point)) {
            if before.is_some_and(|before| point.value < before.value) {
                found.insert((line.target, point.at_ms));
            }
            before = Some(*point);
        }
    }
    found
}
