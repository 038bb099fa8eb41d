//! Gates on the real Prometheus.

use core::time::Duration;

use serin_assignment::Weight;
use serin_controller::gates::{
    ErrorRate, Gate, Kind, Latency, Limits, Moment, Samples, Subject, Template, Threshold,
};
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
    let stable = |scrape: u64| Some((1000 + scrape * 50) as f64);
    let since = |scrape: u64| scrape.saturating_sub(EXPOSED) as f64;
    // Envoy knows a cluster's total from the start, and makes a class with its first answer.
    for (cluster, ok, errors) in
        [("stable", 50.0, 0.0), ("healthy", 10.0, 0.0), ("harmful", 8.0, 2.0), ("quiet", 1.0, 0.0)]
    {
        for proxy in ["a", "b"] {
            let labels = format!("envoy_cluster_name=\"{cluster}\",instance=\"{proxy}\"");
            let class = |class: char| format!("{labels},envoy_response_code_class=\"{class}\"");
            let total = |scrape| Some(since(scrape) * (ok + errors));
            let born = |scrape, each| Some(since(scrape) * each).filter(|value| *value > 0.0);
            history.add("envoy_cluster_upstream_rq_total", &labels, SCRAPES, total);
            let ok = |scrape| if cluster == "stable" { stable(scrape) } else { born(scrape, ok) };
            history.add("envoy_cluster_upstream_rq_xx", &class('2'), SCRAPES, ok);
            history.add("envoy_cluster_upstream_rq_xx", &class('5'), SCRAPES, |scrape| {
                born(scrape, errors)
            });
        }
    }
    for (cluster, fast_share) in [("stable", 1.0), ("healthy", 0.995), ("harmful", 0.9)] {
        for (le, share) in [("100", fast_share), ("250", fast_share), ("500", 1.0), ("+Inf", 1.0)] {
            let labels = format!("envoy_cluster_name=\"{cluster}\",le=\"{le}\"");
            let count = |scrape| Some(1000.0 + since(scrape) * 20.0 * share);
            history.add("envoy_cluster_upstream_rq_time_bucket", &labels, SCRAPES, count);
        }
    }
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

    async fn read(&self, canary: &str, kind: Kind) -> GateReading {
        self.read_at(canary, kind, &self.moment()).await
    }

    async fn read_at(&self, canary: &str, kind: Kind, moment: &Moment) -> GateReading {
        let gate = Gate { name: "gate".to_owned(), kind };
        let reading = gate.read(&self.client, &subject(canary), moment).await;
        reading.expect("a gate that asks")
    }
}

fn subject(canary: &str) -> Subject {
    Subject {
        metric_id: "0a1b2c3d".to_owned(),
        stable_cluster: "stable".to_owned(),
        canary_cluster: canary.to_owned(),
    }
}

fn errors() -> Kind {
    Kind::EnvoyErrorRate(ErrorRate { max: 0.02, min_samples: 100, window: WINDOW })
}

fn latency() -> Kind {
    let (max, min_samples) = (Duration::from_millis(250), 100);
    Kind::EnvoyLatency(Latency { quantile: 0.99, max, min_samples, window: WINDOW })
}

fn threshold(query: &str, limits: Limits) -> Kind {
    let query = Template::new(query).expect("a query");
    Kind::Threshold(Threshold { query, limits, samples: None, window: WINDOW })
}

#[tokio::test]
async fn gates_judge_what_a_real_prometheus_holds() {
    let mut world = World::new().await;
    presets(&world).await;
    retry(&world).await;
    thresholds(&world).await;
    refusals(&world).await;
    down(&mut world).await;
}

async fn presets(world: &World) {
    // A window of a minute holds eleven differences of five seconds, at two proxies.
    for (canary, verdict, detail) in [
        (
            "healthy",
            Verdict::Pass,
            "canary 0 % of 220 requests, limit 2 %; stable 0 % of 1,100 requests",
        ),
        (
            "harmful",
            Verdict::Fail,
            "canary 20 % of 220 requests, limit 2 %; stable 0 % of 1,100 requests",
        ),
        ("quiet", Verdict::NoData, "22 of at least 100 requests to the canary in 60 s"),
        ("absent", Verdict::NoData, "Envoy reports nothing on the canary's cluster"),
    ] {
        let reading = world.read(canary, errors()).await;
        assert_eq!((reading.verdict, reading.detail.as_str()), (verdict, detail), "{canary}");
    }
    for (canary, verdict, part) in [
        ("healthy", Verdict::Pass, "p99 of the canary 99.5 ms of 240 requests, limit 250 ms"),
        ("harmful", Verdict::Fail, "p99 of the canary 475 ms of 240 requests, limit 250 ms"),
        ("absent", Verdict::NoData, "Envoy reports no response times"),
    ] {
        let reading = world.read(canary, latency()).await;
        assert_eq!(reading.verdict, verdict, "{canary}: {}", reading.detail);
        assert!(reading.detail.starts_with(part), "{canary}: {}", reading.detail);
    }
}

/// The first seconds after the exposure: nothing that was before may count, and all that came
/// first does, though it is the birth of its series.
async fn retry(world: &World) {
    let at = |scrapes: u64, exposed: u64| Moment {
        at_ms: world.history.scrape_ms(EXPOSED + scrapes) + 1000,
        exposed_since_ms: Some(world.history.scrape_ms(exposed) - 1000),
        ..world.moment()
    };
    let reading = world.read_at("harmful", errors(), &at(1, EXPOSED)).await;
    assert_eq!(reading.verdict, Verdict::NoData, "{}", reading.detail);
    assert!(reading.detail.contains("two scrapes"), "{}", reading.detail);
    let reading = world.read_at("harmful", errors(), &at(5, EXPOSED)).await;
    assert!(reading.detail.starts_with("canary 20 % of 100 requests"), "{}", reading.detail);
    // Exposed again at the 40th scrape: only what came since.
    let reading = world.read_at("harmful", errors(), &at(26, 40)).await;
    assert!(reading.detail.starts_with("canary 20 % of 120 requests"), "{}", reading.detail);
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
        let reading = world.read("healthy", threshold(&query, limits)).await;
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
    assert_eq!(world.read("healthy", counted(10)).await.verdict, Verdict::Pass);
    assert_eq!(world.read("healthy", counted(13)).await.verdict, Verdict::NoData);
    let full = Moment { weight: Weight::FULL, ..world.moment() };
    let alone = world.read_at("healthy", threshold(&side("app_value"), ratio(4.0)), &full).await;
    assert_eq!(alone.verdict, Verdict::Pass);
    assert_eq!(alone.detail, "canary 0.9; not compared: nobody is on stable");
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
    for kind in
        [errors(), latency(), threshold("up", Limits { max: Some(1.0), ..Limits::default() })]
    {
        let reading = world.read("healthy", kind).await;
        assert_eq!(reading.verdict, Verdict::Broken, "{}", reading.detail);
        assert!(reading.detail.contains("cannot be reached"), "{}", reading.detail);
    }
}
