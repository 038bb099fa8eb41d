//! Counting without a Prometheus, from pages that come late or only come into sight.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serin_controller::counts::{Ledger, Start, read};
use serin_controller::gates::{Counts, Gate, Kind, Measure, Ratio, Selected, Sides, Subject};
use serin_controller::metrics::{MetricsSettings, Source, Targets};
use serin_judge::{Dispersion, Margin};

use crate::now_ms;
use crate::pods::Pod;

const INTERVAL: Duration = Duration::from_millis(250);

/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// What the pods' sessions are called.
const CANARY: &str = "sessions_total{variant=\"canary\"}";
const STABLE: &str = "sessions_total{variant=\"stable\"}";

fn gate() -> Gate {
    let selected =
        |metric: &str| Some(Selected { metric: metric.to_owned(), labels: BTreeMap::new() });
    let measure = Measure::Conversion { lag: Duration::ZERO };
    let counts = Counts::Custom {
        events: selected("orders_total"),
        opportunities: selected("sessions_total"),
        histogram: None,
        sides: Sides::default(),
        cohort: "cohort".to_owned(),
    };
    let ratio = Ratio {
        margin: Margin::default_for(measure.worse()),
        measure,
        counts,
        weight: 1.0,
        dispersion: Dispersion::try_new(1.0).expect("a dispersion"),
    };
    Gate { name: "orders".to_owned(), kind: Kind::Ratio(ratio) }
}

/// A rollout whose counts come from these pods' pages.
struct Counting {
    ledger: Ledger,
    source: Source,
    /// Sessions of canary and stable.
    sums: [f64; 2],
}

impl Counting {
    /// Starts to read the pages, and the rollout once the first of them has been read.
    async fn start(pods: &[&Pod]) -> Self {
        let pages = pods.iter().map(|pod| pod.page().parse().expect("a page"));
        let targets = Targets {
            pages: pages.collect(),
            names: Vec::new(),
            interval: INTERVAL,
            timeout: Targets::DEFAULT_TIMEOUT,
        };
        let source = Source::new(MetricsSettings::Targets(targets)).await.expect("a source");
        let subject = Subject {
            metric_id: "0a1b2c3d".to_owned(),
            stable_cluster: "stable".to_owned(),
            canary_cluster: "canary".to_owned(),
        };
        let ledger = |started_ms| {
            let start = Start { started_ms, cuts: BTreeMap::new() };
            Ledger::new(&[gate()], &subject, &BTreeMap::new(), INTERVAL, &start)
        };
        source.keep(ledger(0).selectors());
        let begun = Instant::now();
        while pods[0].shown().is_empty() {
            assert!(begun.elapsed() < LIMIT, "the first page is not read");
            tokio::time::sleep(INTERVAL / 5).await;
        }
        tokio::time::sleep(INTERVAL).await;
        Self { ledger: ledger(now_ms()), source, sums: [0.0; 2] }
    }

    /// Looks again and again until the sums are as wanted.
    async fn until(&mut self, wanted: impl Fn([f64; 2]) -> bool) {
        let begun = Instant::now();
        while !wanted(self.sums) {
            assert!(begun.elapsed() < LIMIT, "{:?}", self.sums);
            self.look().await;
        }
    }

    /// Looks again and again for so long.
    async fn go_on(&mut self, how_long: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < how_long {
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let reading = read(&mut self.ledger, &self.source, now_ms()).await;
        assert_eq!(reading.unread, BTreeMap::new());
        for counted in &reading.counted {
            let [nc, _, ns, _] = counted.gates["orders"][0].total().into();
            self.sums = [self.sums[0] + nc, self.sums[1] + ns];
        }
        tokio::time::sleep(INTERVAL / 5).await;
    }
}

async fn pod() -> Pod {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    Pod::start(port).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_into_sight_late_brings_nothing_from_before_the_start() {
    let (seen, unseen) = (pod().await, pod().await);
    // The second one's many sessions are of an earlier canary.
    seen.count(STABLE, 10);
    unseen.count(CANARY, 5000);
    unseen.refuse(true);
    let mut counting = Counting::start(&[&seen, &unseen]).await;
    counting.go_on(INTERVAL * 8).await;
    unseen.refuse(false);
    counting.go_on(INTERVAL * 8).await;
    unseen.count(CANARY, 3);
    seen.count(STABLE, 7);
    counting.until(|sums| sums[1] >= 7.0).await;
    counting.go_on(INTERVAL * 8).await;
    assert_eq!(format!("{:?}", counting.sums), "[3.0, 7.0]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_takes_many_intervals_counts_all_the_same() {
    let (fast, slow) = (pod().await, pod().await);
    slow.dawdle(INTERVAL * 6);
    fast.count(STABLE, 10);
    slow.count(CANARY, 10);
    let mut counting = Counting::start(&[&fast, &slow]).await;
    counting.go_on(INTERVAL * 16).await;
    slow.count(CANARY, 30);
    fast.count(STABLE, 40);
    counting.until(|sums| sums[0] >= 30.0 && sums[1] >= 40.0).await;
    assert_eq!(format!("{:?}", counting.sums), "[30.0, 40.0]");
}
