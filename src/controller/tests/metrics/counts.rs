//! Counting on the real Prometheus, while pods come, go, start anew and cannot be scraped.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serin_controller::counts::{BoundsUnknown, Ledger, Start, bounds_from_stable, read};
use serin_controller::gates::{
    Bounds, Counts, Gate, Kind, Measure, Ratio, Selected, Sides, Subject,
};
use serin_controller::metrics::{MetricsSettings, Source};
use serin_controller::prometheus::Settings;
use serin_judge::panel::Counted;
use serin_judge::{Dispersion, Margin};

use crate::pods::{Counters, Pod};
use crate::prometheus::Prometheus;
use crate::{now_ms, settings};

const SCRAPE: Duration = Duration::from_secs(1);

/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

fn gate(name: &str, measure: Measure, counts: Counts) -> Gate {
    let ratio = Ratio {
        margin: Margin::default_for(measure.worse()),
        measure,
        counts,
        weight: 1.0,
        dispersion: Dispersion::try_new(1.0).expect("a dispersion"),
    };
    Gate { name: name.to_owned(), kind: Kind::Ratio(ratio) }
}

fn custom(names: [Option<&str>; 3]) -> Counts {
    let [events, opportunities, histogram] =
        names.map(|name| Some(Selected { metric: name?.to_owned(), labels: BTreeMap::new() }));
    let (sides, cohort) = (Sides::default(), "cohort".to_owned());
    Counts::Custom { events, opportunities, histogram, sides, cohort }
}

fn gates() -> [Gate; 3] {
    let conversion = Measure::Conversion { lag: Duration::ZERO };
    let latency = Measure::Latency { bounds: Bounds::FromStable };
    [
        gate("errors", Measure::ErrorRate { floor: None, slo: None }, Counts::Filter),
        gate("orders", conversion, custom([Some("orders_total"), Some("sessions_total"), None])),
        gate("latency", latency, custom([None, None, Some("times_seconds")])),
    ]
}

fn subject() -> Subject {
    Subject {
        metric_id: "0a1b2c3d".to_owned(),
        stable_cluster: "stable".to_owned(),
        canary_cluster: "canary".to_owned(),
    }
}

fn start(started_ms: u64, cuts: BTreeMap<String, u64>) -> Ledger {
    let bounds = [("latency".to_owned(), vec![Duration::from_millis(250)])].into();
    Ledger::new(&gates(), &subject(), &bounds, SCRAPE, &Start { started_ms, cuts })
}

/// Requests and events by gate, side and cohort (16: none).
type Sums = BTreeMap<(String, &'static str, usize), [f64; 2]>;

/// What the judge has taken in.
#[derive(Clone, Debug, Default)]
struct Taken {
    cuts: BTreeMap<String, u64>,
    sums: Sums,
}

impl Taken {
    fn take(&mut self, counted: &Counted) {
        for (gate, streams) in &counted.gates {
            let cut = self.cuts.insert(gate.clone(), counted.to_ms);
            assert!(cut.is_none_or(|cut| cut == counted.from_ms), "{gate}: a gap");
            let interval = &streams[0];
            for (cohort, counts) in interval.cohorts.iter().chain([&interval.rest]).enumerate() {
                let [nc, xc, ns, xs] = (*counts).into();
                for (side, counted) in [("canary", [nc, xc]), ("stable", [ns, xs])] {
                    if counted[0] > 0.0 {
                        let sum = self.sums.entry((gate.clone(), side, cohort)).or_default();
                        (sum[0], sum[1]) = (sum[0] + counted[0], sum[1] + counted[1]);
                    }
                }
            }
        }
    }
}

/// Pods by name, and what they had counted at their last scrapes since the start.
#[derive(Default)]
struct Fleet {
    pods: BTreeMap<&'static str, Pod>,
    /// What each showed before the start; nothing for a process that began later.
    before: BTreeMap<&'static str, Counters>,
    /// Of processes that have ended.
    ended: Vec<(&'static str, Counters)>,
    turn: u64,
}

/// A pod's side stands before the hyphen.
fn side(pod: &str) -> &'static str {
    if pod.starts_with("canary") { "canary" } else { "stable" }
}

impl Fleet {
    /// Every pod serves some users.
    fn serve(&mut self) {
        self.turn += 1;
        for (index, (name, pod)) in (1_u64..).zip(&self.pods) {
            let side = side(name);
            let turn = self.turn + index;
            let cohort = match turn % 3 {
                0 => "none".to_owned(),
                rest => rest.to_string(),
            };
            let tags = format!("variant=\"{side}\",cohort=\"{cohort}\"");
            let class = if turn.is_multiple_of(7) { "error" } else { "ok" };
            pod.count(
                &format!("serin_responses{{id=\"0a1b2c3d\",{tags},class=\"{class}\"}}"),
                index,
            );
            pod.count(&format!("sessions_total{{{tags}}}"), 2 * index);
            pod.count(&format!("orders_total{{{tags}}}"), u64::from(turn.is_multiple_of(5)));
            let slow = turn.is_multiple_of(11);
            let bucket = |le: &str| format!("times_seconds_bucket{{{tags},le=\"{le}\"}}");
            pod.count(&bucket("0.25"), u64::from(!slow));
            pod.count(&bucket("+Inf"), 1);
        }
    }

    async fn end(&mut self, name: &'static str) {
        let shown = self.pods.remove(name).expect("a pod").stop().await;
        self.add_ended(name, shown);
    }

    async fn restart(&mut self, name: &'static str) {
        let shown = self.pods.get_mut(name).expect("a pod").restart().await;
        self.add_ended(name, shown);
    }

    fn add_ended(&mut self, name: &'static str, shown: Counters) {
        let before = self.before.remove(name).unwrap_or_default();
        self.ended.push((name, less(shown, &before)));
    }

    /// What all had counted since the start when they were scraped last.
    fn truth(&self) -> Sums {
        let mut sums = Sums::new();
        let live = self.pods.iter().map(|(name, pod)| {
            let before = self.before.get(name).cloned().unwrap_or_default();
            (*name, less(pod.shown(), &before))
        });
        for (name, counters) in live.chain(self.ended.iter().cloned()) {
            for (counter, count) in counters {
                add(&mut sums, side(name), &counter, count as f64);
            }
        }
        sums.retain(|_, sum| sum[0] > 0.0);
        sums
    }
}

fn less(mut counters: Counters, before: &Counters) -> Counters {
    for (name, count) in &mut counters {
        *count -= before.get(name).copied().unwrap_or(0);
    }
    counters
}

/// Adds what a counter means, told anew here.
fn add(sums: &mut Sums, side: &'static str, counter: &str, count: f64) {
    let cohort = ["1", "2"].into_iter().find(|it| counter.contains(&format!("cohort=\"{it}\"")));
    let cohort = cohort.map_or(16, |cohort| cohort.parse().expect("a number"));
    let mut to = |gate: &str, requests: f64, events: f64| {
        let sum = sums.entry((gate.to_owned(), side, cohort)).or_default();
        (sum[0], sum[1]) = (sum[0] + requests * count, sum[1] + events * count);
    };
    match counter {
        it if it.starts_with("sessions_total") => to("orders", 1.0, 0.0),
        it if it.starts_with("orders_total") => to("orders", 0.0, 1.0),
        it if it.contains("class=\"error\"") => to("errors", 1.0, 1.0),
        it if it.contains("class=\"ok\"") => to("errors", 1.0, 0.0),
        it if it.contains("le=\"+Inf\"") => to("latency", 1.0, 1.0),
        it if it.contains("le=\"0.25\"") => to("latency", 0.0, -1.0),
        other => panic!("{other}"),
    }
}

fn assert_never_more(counted: &Sums, truth: &Sums) {
    for (key, counted) in counted {
        let truth = truth.get(key).copied().unwrap_or_default();
        assert!(counted[0] <= truth[0], "{key:?}: {counted:?} of {truth:?}");
    }
}

/// The controllers that look on: one that stays, and one that starts again all the time.
struct Controllers {
    source: Source,
    started_ms: u64,
    staying: (Ledger, Taken),
    restless: (Ledger, Taken),
    looks: u64,
}

impl Controllers {
    async fn look(&mut self) {
        self.looks += 1;
        if self.looks.is_multiple_of(9) {
            self.restless.0 = start(self.started_ms, self.restless.1.cuts.clone());
        }
        for (ledger, taken) in [&mut self.staying, &mut self.restless] {
            let reading = read(ledger, &self.source, now_ms()).await;
            assert_eq!(reading.unread, BTreeMap::new());
            for counted in &reading.counted {
                taken.take(counted);
            }
        }
    }
}

/// Lets all pods serve, and the controllers look, for so long.
async fn go_on(fleet: &mut Fleet, controllers: &mut Controllers, how_long: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < how_long {
        for _ in 0..5 {
            fleet.serve();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        controllers.look().await;
        let (staying, restless) = (&controllers.staying.1.sums, &controllers.restless.1.sums);
        let truth = fleet.truth();
        assert_never_more(staying, &truth);
        assert_never_more(restless, &truth);
    }
}

/// Waits until every pod has shown all that it counted.
async fn all_scraped(fleet: &Fleet) {
    let begun = Instant::now();
    while !fleet.pods.values().all(Pod::all_shown) {
        assert!(begun.elapsed() < LIMIT, "Prometheus scrapes no more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_what_each_pod_had_counted_at_its_last_scrape() {
    let ports: [u16; 5] = free_ports();
    let prometheus = Prometheus::scraping(&ports, SCRAPE).await;
    let mut fleet = Fleet::default();
    for (name, port) in ["canary-a", "stable-a", "stable-b", "stable-c"].into_iter().zip(ports) {
        fleet.pods.insert(name, Pod::start(port).await);
    }
    // What they count before the rollout is none of its business. Nor is a pod that only comes
    // into sight again while it runs.
    (0..40).for_each(|_| fleet.serve());
    all_scraped(&fleet).await;
    for (name, pod) in &fleet.pods {
        fleet.before.insert(name, pod.shown());
    }
    let started_ms = now_ms();
    let settings = Settings { scrape_interval: SCRAPE, ..settings(&prometheus.address) };
    let source = Source::new(MetricsSettings::Prometheus(settings)).await.expect("a source");
    let controller = || (start(started_ms, BTreeMap::new()), Taken::default());
    let (staying, restless) = (controller(), controller());
    let mut controllers = Controllers { source, started_ms, staying, restless, looks: 0 };

    go_on(&mut fleet, &mut controllers, SCRAPE * 3).await;
    fleet.restart("canary-a").await;
    // Three scrapes after the start are over: this one is new.
    go_on(&mut fleet, &mut controllers, SCRAPE * 2).await;
    fleet.pods.insert("canary-b", Pod::start(ports[4]).await);
    go_on(&mut fleet, &mut controllers, SCRAPE * 2).await;
    fleet.end("stable-b").await;
    fleet.pods["stable-c"].refuse(true);
    // It is out of sight for longer than a target is taken for live, and goes on counting.
    go_on(&mut fleet, &mut controllers, SCRAPE * 6).await;
    fleet.pods["stable-c"].refuse(false);
    fleet.restart("canary-b").await;
    go_on(&mut fleet, &mut controllers, SCRAPE * 2).await;

    all_scraped(&fleet).await;
    let truth = fleet.truth();
    let begun = Instant::now();
    while controllers.staying.1.sums != truth {
        let counted = &controllers.staying.1.sums;
        assert!(begun.elapsed() < LIMIT, "counted {counted:?}, true is {truth:?}");
        assert_never_more(counted, &truth);
        tokio::time::sleep(Duration::from_millis(100)).await;
        controllers.look().await;
    }
    assert_eq!(truth.len(), 3 * 2 * 3, "three gates, two sides, two cohorts and none: {truth:?}");
    // Later scrapes of pods that count no more change nothing.
    let cut = controllers.staying.1.cuts["errors"];
    while controllers.staying.1.cuts["errors"] < cut + 2000 {
        assert!(begun.elapsed() < LIMIT * 2, "no more cuts");
        tokio::time::sleep(Duration::from_millis(100)).await;
        controllers.look().await;
    }
    assert_eq!(controllers.staying.1.sums, truth);
    assert_never_more(&controllers.restless.1.sums, &truth);
    let counted = |sums: &Sums| sums.values().map(|sum| sum[0]).sum::<f64>();
    let share = counted(&controllers.restless.1.sums) / counted(&truth);
    assert!(share > 0.8, "a controller that starts again counts {share} of it");

    // An hour is read at few moments, so that what served for seconds shows only after some time.
    let Kind::Ratio(latency) = &gates()[2].kind else { panic!("a ratio") };
    let begun = Instant::now();
    let bounds = loop {
        (0..5).for_each(|_| fleet.serve());
        match bounds_from_stable(&controllers.source, latency, &subject(), now_ms()).await {
            Err(BoundsUnknown::TooFew { .. }) if begun.elapsed() < LIMIT => {
                tokio::time::sleep(SCRAPE).await;
            }
            bounds => break bounds,
        }
    };
    assert_eq!(bounds, Ok(vec![Duration::from_millis(250)]));
}
