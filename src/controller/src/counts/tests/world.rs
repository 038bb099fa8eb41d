//! Random histories of pods that come, start anew and go, scraped with gaps and delays.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::labels;
use super::store::Store;
use crate::metrics::{Labels, Point};

/// How many scrapes a history has before the rollout's start, and in all.
pub(super) const BEFORE: u64 = 30;
pub(super) const SCRAPES: u64 = 130;

/// What a pod does. Times are in tenths of a scrape.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    canary: bool,
    /// Its first moment.
    from: u64,
    /// How long it lives.
    lives: u64,
    /// When in a scrape interval it is scraped.
    phase: u64,
    /// When it starts anew.
    restarts: Vec<u64>,
    /// When scrapes fail: from, and for how long.
    failing: Vec<(u64, u64)>,
    /// When it counts a request, and how: by cohort (16: none) and class.
    requests: Vec<(u64, u8, u8)>,
    /// By how much each sample arrives late; taken in turn.
    late: Vec<u64>,
}

/// The classes that pods count: good answers, failures, slow ones, and callers that left.
pub(super) const CLASSES: [&str; 4] = ["ok", "error", "over_250ms", "gone"];

/// How calm a history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calm {
    /// Everything that can be known is known: counts must be exact.
    Exact,
    /// Pods are out of sight when the rollout starts, or begin while it does.
    Wild,
}

pub(super) fn pods(calm: Calm) -> impl Strategy<Value = Vec<Pod>> {
    // The first is there from beginning to end, so that there is a baseline.
    let lasting = pod(calm).prop_map(|mut pod| {
        (pod.from, pod.lives) = (0, SCRAPES * 10);
        pod
    });
    (lasting, vec(pod(calm), 0..5)).prop_map(|(first, mut others)| {
        others.insert(0, first);
        others
    })
}

fn pod(calm: Calm) -> impl Strategy<Value = Pod> {
    let end = SCRAPES * 10;
    let start = BEFORE * 10;
    let from = match calm {
        Calm::Exact => prop_oneof![0..start - 60, start + 31..end].boxed(),
        Calm::Wild => prop_oneof![0..start - 60, start + 1..end].boxed(),
    };
    let failing = vec((0..end, prop_oneof![1..40_u64, 100..800_u64]), 0..4);
    let restarts = vec(0..end, 0..4);
    let requests = vec((0..end, 0..=16_u8, 0..4_u8), 0..60);
    let late = prop_oneof![Just(vec![0]), vec(0..20_u64, 1..6)];
    (any::<bool>(), from, 20..end, 0..10_u64, restarts, failing, requests, late).prop_map(
        move |(canary, from, lives, phase, mut restarts, mut failing, mut requests, late)| {
            restarts.sort_unstable();
            requests.sort_unstable();
            if calm == Calm::Exact {
                // In sight when the rollout starts, and by then for three scrapes the same process.
                failing.retain(|(at, lasts)| *at > start || at + lasts < start - 30);
                restarts.retain(|at| *at > start - 20);
            }
            Pod { canary, from, lives, phase, restarts, failing, requests, late }
        },
    )
}

/// What a pod shows: requests by cohort and class.
type Shown = BTreeMap<(u8, u8), u32>;

/// Requests by side, cohort (16: none) and class.
pub(super) type Truth = BTreeMap<(bool, u8, u8), f64>;

/// What was scraped, and what is true.
pub(super) struct History {
    pub(super) store: Store,
    /// What the pods had counted at their last scrapes, since their last scrapes before the start.
    pub(super) truth: Truth,
    /// Whether each pod that started anew can be seen to have.
    pub(super) visible: bool,
}

/// Scrapes the pods. `unit_ms` is a tenth of a scrape interval.
pub(super) fn scrape(pods: &[Pod], unit_ms: u64) -> History {
    let mut history = History { store: Store::default(), truth: Truth::new(), visible: true };
    for (index, pod) in pods.iter().enumerate() {
        pod.scrape(index, unit_ms, &mut history);
    }
    history
}

impl Pod {
    /// The same, with samples that are there at once.
    pub(super) fn punctual(mut self) -> Self {
        self.late = vec![0];
        self
    }

    fn scrape(&self, index: usize, unit_ms: u64, history: &mut History) {
        let end = (self.from + self.lives).min(SCRAPES * 10);
        // A question's range never holds the time 0.
        let first = (self.from.next_multiple_of(10) + self.phase).max(10);
        let (mut lifetime, mut shown, mut base) = (0, Shown::new(), Shown::new());
        let mut visible_ms = 0;
        for (turn, at) in (first..end).step_by(10).enumerate() {
            let fails = |(from, lasts): &(u64, u64)| (*from..from + lasts).contains(&at);
            if turn > 0 && self.failing.iter().any(fails) {
                continue;
            }
            let (now_lifetime, now) = self.shows(at);
            if now_lifetime != lifetime {
                // What was counted before it started anew is final.
                self.settle(&shown, &base, &mut history.truth);
                let requests = |shown: &Shown| shown.get(&(16, 0)).copied().unwrap_or(0);
                history.visible &= requests(&now) < requests(&shown);
                base.clear();
                lifetime = now_lifetime;
            }
            shown = now;
            if at <= BEFORE * 10 {
                base.clone_from(&shown);
            }
            let late = self.late[turn % self.late.len()];
            visible_ms = ((at + late) * unit_ms).max(visible_ms);
            for ((cohort, class), count) in &shown {
                let point = Point { at_ms: at * unit_ms, value: f64::from(*count) };
                let labels = self.labels(index, *cohort, *class);
                history.store.add(labels, point, visible_ms);
            }
        }
        self.settle(&shown, &base, &mut history.truth);
    }

    /// What it shows at a time, and how often it has started anew by then. A series begins with
    /// its first request; one request is there from the start.
    fn shows(&self, at: u64) -> (usize, Shown) {
        let starts = self.restarts.iter().filter(|start| (self.from..=at).contains(start));
        let (lifetime, since) =
            starts.fold((0, self.from), |(count, _), start| (count + 1, *start));
        let mut shown = Shown::from([((16, 0), 1)]);
        for (when, cohort, class) in &self.requests {
            if (since..at).contains(when) {
                *shown.entry((*cohort, *class)).or_default() += 1;
            }
        }
        (lifetime, shown)
    }

    fn settle(&self, shown: &Shown, base: &Shown, truth: &mut Truth) {
        for (key, count) in shown {
            let counted = count - base.get(key).copied().unwrap_or(0);
            *truth.entry((self.canary, key.0, key.1)).or_default() += f64::from(counted);
        }
    }

    fn labels(&self, index: usize, cohort: u8, class: u8) -> Labels {
        let instance = format!("pod-{index}");
        let side = if self.canary { "canary" } else { "stable" };
        let class = CLASSES[usize::from(class)];
        let cohort = if cohort < 16 { cohort.to_string() } else { "none".to_owned() };
        // Some proxies take the tags out of the name, others do not.
        if index.is_multiple_of(2) {
            return labels(&[
                ("__name__", "serin_responses"),
                ("instance", &instance),
                ("id", "0a1b2c3d"),
                ("variant", side),
                ("cohort", &cohort),
                ("class", class),
            ]);
        }
        let name = format!(
            "serin_responses_id___0a1b2c3d___rollout___a_b___variant___{side}___cohort___{cohort}___class___{class}___"
        );
        labels(&[("__name__", &name), ("instance", &instance)])
    }
}
