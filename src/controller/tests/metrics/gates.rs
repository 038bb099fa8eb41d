//! Gates on the real Prometheus.

use core::time::Duration;

use serin_assignment::Weight;
use serin_controller::gates::{Gate, Kind, Limits, Moment, Samples, Subject, Template, Threshold};
use serin_controller::prometheus::{Client, Fault};
use serin_rollout::{GateReading, Verdict};

use crate::history::History;
use crate::prometheus::Prometheus;
use crate::settings;

/// Sixty scrapes of five seconds; the canary has had traffic since the twentieth.
const SCRAPES: u64 = 60;
const EXPOSED: u64 = 20;

fn history() -> History {
    let mut history = History::new();
    for (side, value) in [("stable", 0.2), ("canary", 0.9)] {
        history.add("app_value", &format!("variant=\"{side}\""), SCRAPES, |_| Some(value));
        history.add("app_nan", &format!("variant=\"{side}\""), SCRAPES, |_| Some(f64::NAN));
        history.add("app_total", &format!("variant=\"{side}\""), SCRAPES, |scrape| {
            Some(scrape as f64)
        });
    }
    history.add("app_pods", "variant=\"canary\",pod=\"a\"", SCRAPES, |_| Some(1.0));
    history.add("app_pods", "variant=\"canary\",pod=\"b\"", SCRAPES, |_| Some(1.0));
    history
}

const WINDOW: Duration = Duration::from_mins(1);

struct World {
    prometheus: Prometheus,
    client: Client,
    history: History,
}

impl World {
    async fn new() -> Self {
        let history = history();
        let prometheus = Prometheus::with_history(&history.text()).await;
        let client = Client::new(settings(&prometheus.address)).await.expect("no certificates");
        Self { prometheus, client, history }
    }

    fn last_ms(&self) -> u64 {
        self.history.scrape_ms(SCRAPES - 1) + 1000
    }

    fn moment(&self) -> Moment {
        Moment {
            at_ms: self.last_ms(),
            exposed_since_ms: Some(self.history.scrape_ms(EXPOSED)),
            weight: "5%".parse().expect("a weight"),
        }
    }

    async fn read(&self, kind: Kind) -> GateReading {
        self.read_at(kind, &self.moment()).await
    }

    async fn read_at(&self, kind: Kind, moment: &Moment) -> GateReading {
        let gate = Gate { name: "gate".to_owned(), kind };
        let reading = gate.read(&self.client, &subject(), moment).await;
        reading.expect("a gate that asks")
    }
}

fn subject() -> Subject {
    Subject {
        metric_id: "0a1b2c3d".to_owned(),
        stable_cluster: "stable".to_owned(),
        canary_cluster: "canary".to_owned(),
    }
}

fn threshold(query: &str, limits: Limits) -> Kind {
    let query = Template::new(query).expect("a query");
    Kind::Threshold(Threshold { query, limits, samples: None, window: WINDOW })
}

#[tokio::test]
async fn gates_judge_what_a_real_prometheus_holds() {
    let mut world = World::new().await;
    beginnings(&world).await;
    thresholds(&world).await;
    refusals(&world).await;
    down(&mut world).await;
}

/// The first seconds after the exposure: nothing that was before may count.
async fn beginnings(world: &World) {
    let at = |scrapes: u64, exposed: u64| Moment {
        at_ms: world.history.scrape_ms(EXPOSED + scrapes) + 1000,
        exposed_since_ms: Some(world.history.scrape_ms(exposed) - 1000),
        ..world.moment()
    };
    let grown = || {
        let query = "sum(increase(app_total{variant=\"{{variant}}\"}[{{window}}]))";
        threshold(query, Limits { max: Some(1000.0), ..Limits::default() })
    };
    let reading = world.read_at(grown(), &at(1, EXPOSED)).await;
    assert_eq!(reading.verdict, Verdict::NoData, "{}", reading.detail);
    assert!(reading.detail.contains("two scrapes"), "{}", reading.detail);
    // One more each scrape, over the 12 s since the exposure and over a whole minute.
    let short = world.read_at(grown(), &at(2, EXPOSED)).await;
    assert!(short.detail.starts_with("canary 2.4, limit"), "{}", short.detail);
    let long = world.read_at(grown(), &at(26, EXPOSED)).await;
    assert!(long.detail.starts_with("canary 12, limit"), "{}", long.detail);
}

async fn thresholds(world: &World) {
    let side = |metric: &str| format!("{metric}{{variant=\"{{{{variant}}}}\"}}");
    let max = |max| Limits { max: Some(max), ..Limits::default() };
    let ratio = |ratio| Limits { max_ratio: Some(ratio), ..Limits::default() };
    for (query, limits, verdict, part) in [
        (side("app_value"), max(1.0), Verdict::Pass, "canary 0.9, limit 1"),
        (side("app_value"), max(0.5), Verdict::Fail, "canary 0.9, limit 0.5"),
        (
            side("app_value"),
            ratio(5.0),
            Verdict::Pass,
            "canary 0.9; stable 0.2, at most 5 times it",
        ),
        (
            side("app_value"),
            ratio(4.0),
            Verdict::Fail,
            "canary 0.9; stable 0.2, at most 4 times it",
        ),
        ("0.4".to_owned(), max(0.5), Verdict::Pass, "canary 0.4"),
        (side("app_nan"), max(1.0), Verdict::NoData, "canary: the value is NaN"),
        (
            format!("{0} / ({0} * 0)", side("app_value")),
            max(1.0),
            Verdict::NoData,
            "canary: the value is inf",
        ),
        (side("app_missing"), max(1.0), Verdict::NoData, "canary: no series matches"),
        (
            side("app_pods"),
            max(1.0),
            Verdict::Broken,
            "canary: 2 series where one is needed (app_pods{pod=\"a\"",
        ),
        (
            format!("{}[1m]", side("app_value")),
            max(1.0),
            Verdict::Broken,
            "canary: http://127.0.0.1:",
        ),
        ("sum(".to_owned(), max(1.0), Verdict::Broken, "canary: http://127.0.0.1:"),
    ] {
        let reading = world.read(threshold(&query, limits)).await;
        assert_eq!(reading.verdict, verdict, "{query}: {}", reading.detail);
        assert!(reading.detail.starts_with(part), "{query}: {}", reading.detail);
    }
    let counted = |min| {
        let query = Template::new(&side("app_value")).expect("a query");
        let count = side("app_total").replace("}}\"}", "}}\"}[{{window}}]");
        let samples = Samples {
            query: Template::new(&format!("sum(increase({count}))")).expect("a query"),
            min,
        };
        Kind::Threshold(Threshold {
            query,
            limits: max(1.0),
            samples: Some(samples),
            window: WINDOW,
        })
    };
    assert_eq!(world.read(counted(10)).await.verdict, Verdict::Pass);
    assert_eq!(world.read(counted(13)).await.verdict, Verdict::NoData);
    let full = Moment { weight: Weight::FULL, ..world.moment() };
    let alone = world.read_at(threshold(&side("app_value"), ratio(4.0)), &full).await;
    assert_eq!(alone.verdict, Verdict::NoComparison);
    assert_eq!(alone.detail, "nobody is on stable to compare with");
}

/// What Prometheus itself refuses, and what is no Prometheus.
async fn refusals(world: &World) {
    let at_ms = world.last_ms();
    let fault =
        async |query: &str| world.client.query(query, at_ms).await.expect_err("refused").fault;
    let kind = |fault: Fault| match fault {
        Fault::Refused { kind, .. } => kind,
        other => panic!("{other}"),
    };
    assert_eq!(kind(fault("sum(").await), "bad_data");
    assert_eq!(kind(fault("app_value * on() app_pods").await), "execution");
    let slow = "sum_over_time(sum_over_time(vector(1)[7d:1s])[1h:1s])";
    let mut hasty = settings(&world.prometheus.address);
    hasty.timeout = Duration::from_millis(200);
    let hasty = Client::new(hasty).await.expect("no certificates");
    let begun = std::time::Instant::now();
    let late = hasty.query(slow, at_ms).await.expect_err("too slow").fault;
    let timed_out = matches!(&late, Fault::Refused { kind, .. } if kind == "timeout");
    assert!(timed_out || matches!(late, Fault::Timeout(_)), "{late}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let elsewhere = settings(&format!("{}/nowhere", world.prometheus.address));
    let elsewhere = Client::new(elsewhere).await.expect("no certificates");
    let lost = elsewhere.query("up", at_ms).await.expect_err("no API there").fault;
    assert!(matches!(lost, Fault::Status { status: 404, .. }), "{lost}");
}

async fn down(world: &mut World) {
    world.prometheus.stop();
    let reading = world.read(threshold("up", Limits { max: Some(1.0), ..Limits::default() })).await;
    assert_eq!(reading.verdict, Verdict::Broken, "{}", reading.detail);
    assert!(reading.detail.contains("cannot be reached"), "{}", reading.detail);
}
