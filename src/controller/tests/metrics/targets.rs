//! Pages that are read directly, from servers that serve well or badly.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serin_controller::metrics::{
    DnsName, Fault, Labels, MetricsSettings, QueryError, Sample, Selector, Series, Source, Targets,
};

use crate::fake::{Fake, Reply};

/// The shortest that a release may ask for.
const INTERVAL: Duration = Duration::from_millis(100);
/// Far more than it takes; a busy machine takes longer than others.
const PATIENCE: Duration = Duration::from_secs(30);

fn targets(pages: &[&str]) -> Targets {
    Targets {
        pages: pages.iter().map(|page| page.parse().expect("a page")).collect(),
        names: Vec::new(),
        interval: INTERVAL,
        timeout: Duration::from_secs(5),
    }
}

async fn source(targets: Targets) -> Source {
    let source = Source::new(MetricsSettings::Targets(targets)).await.expect("no certificates");
    source.keep([Selector::of("up", [])]);
    source
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 500 million")
}

async fn last(source: &Source) -> Result<Vec<Sample>, QueryError> {
    source.last(&Selector::of("up", []), Duration::from_mins(1), now_ms()).await
}

/// Asks until the answer is as wanted.
async fn until(
    source: &Source,
    wanted: impl Fn(&Result<Vec<Sample>, QueryError>) -> bool,
) -> Result<Vec<Sample>, QueryError> {
    let begun = Instant::now();
    loop {
        let answer = last(source).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Why a page that is served like this says nothing.
async fn fault(reply: Reply) -> QueryError {
    let fake = Fake::start(reply).await;
    let targets = Targets { timeout: Duration::from_millis(300), ..targets(&[&fake.address]) };
    let source = source(targets).await;
    let told = |answer: &Result<_, QueryError>| {
        answer.as_ref().is_err_and(|error| error.fault != Fault::NotYet)
    };
    let error = until(&source, told).await.expect_err("a fault");
    assert_eq!(error.address, format!("{}/", fake.address));
    error
}

fn page(body: &str) -> Reply {
    Reply::http("200 OK", "content-type: text/plain\r\n", body)
}

fn instance(labels: &Labels) -> &str {
    labels.get("instance").map_or("", String::as_str)
}

#[tokio::test]
async fn a_target_that_fails_has_no_sample_and_the_others_go_on() {
    let good = Fake::start(page("# TYPE up gauge\nup{b=\"c\"} 7\nother 1\n")).await;
    let bad = Fake::start(page("up{ 7\n")).await;
    let source = source(targets(&[&format!("{}/metrics?a=b", good.address), &bad.address])).await;
    let samples = until(&source, |answer| answer.as_ref().is_ok_and(|found| !found.is_empty()));
    let samples = samples.await.expect("samples");
    let labels = [("__name__", "up"), ("b", "c"), ("instance", &good.address[7..])];
    assert_eq!(samples.len(), 1, "{samples:?}");
    assert_eq!(
        samples[0].labels,
        labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    );
    assert!((samples[0].point.value - 7.0).abs() < f64::EPSILON);
    let request = &good.requests()[0];
    assert!(request.starts_with("GET /metrics?a=b HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\naccept: text/plain;version=0.0.4\r\n"), "{request}");
}

#[tokio::test]
async fn samples_of_all_targets_carry_the_same_times() {
    let fakes = [Fake::start(page("up 1\n")).await, Fake::start(page("up 2\n")).await];
    let source = source(targets(&[&fakes[0].address, &fakes[1].address])).await;
    let begun = Instant::now();
    let both = loop {
        let series = source.samples(&Selector::of("up", []), 0, now_ms()).await;
        let enough =
            |series: &[Series]| series.len() == 2 && series.iter().all(|one| one.points.len() >= 3);
        match series {
            Ok(series) if enough(&series) => break series,
            other => assert!(begun.elapsed() < PATIENCE, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let times = |of: usize| both[of].points.iter().map(|point| point.at_ms);
    assert!(times(0).chain(times(1)).all(|at_ms| at_ms % 100 == 0), "{both:?}");
    assert!(times(0).any(|at_ms| times(1).any(|other| other == at_ms)), "{both:?}");
}

#[tokio::test]
async fn a_page_that_says_nothing_says_why() {
    let not_found = fault(Reply::http("404 Not Found", "", "no such page\n")).await;
    let text = "no such page".to_owned();
    assert_eq!(not_found.fault, Fault::NoPage { status: 404, text });
    let redirect = Reply::http("302 Found", "location: http://u:p@elsewhere/?token=a\r\n", "");
    let to = "http://elsewhere/".to_owned();
    assert_eq!(fault(redirect).await.fault, Fault::Redirected { status: 302, to });
    let malformed = Fault::Malformed { line: 2, text: "up{b=\"c\" 7".to_owned() };
    assert_eq!(fault(page("# a page\nup{b=\"c\" 7\n")).await.fault, malformed);
    let timeout = Fault::Timeout(Duration::from_millis(300));
    for reply in [Reply::Silence, Reply::Drip] {
        assert_eq!(fault(reply).await.fault, timeout);
    }
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nup 1\n".to_vec();
    assert!(matches!(fault(Reply::Bytes(cut)).await.fault, Fault::Unreachable(_)));
}

#[tokio::test]
async fn a_huge_page_is_cut_off() {
    let line = "something_that_nobody_asks_for{with=\"a label\"} 1\n";
    let fake = Fake::start(page(&line.repeat(16 * 1024 * 1024 / line.len() + 1))).await;
    let source = source(targets(&[&fake.address])).await;
    let told = |answer: &Result<_, QueryError>| {
        answer.as_ref().is_err_and(|error| error.fault != Fault::NotYet)
    };
    let error = until(&source, told).await.expect_err("too large");
    assert!(matches!(error.fault, Fault::TooLarge { limit: 16_777_216, .. }), "{error}");
    assert!(error.to_string().contains("filter="), "{error}");
}

#[tokio::test]
async fn a_name_has_a_target_at_each_address() {
    let fake = Fake::start(page("up 1\n")).await;
    let port = fake.address.rsplit(':').next().expect("a port").parse().expect("a number");
    let name = DnsName::try_new("localhost", port, "/metrics").expect("a name");
    // Named twice, it counts once.
    let targets = Targets { names: vec![name], ..targets(&[&fake.address]) };
    let source = source(targets).await;
    let found = until(&source, |answer| answer.as_ref().is_ok_and(|found| !found.is_empty()));
    let found = found.await.expect("samples");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(instance(&found[0].labels), format!("127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_name_without_an_address_is_named() {
    // Reserved for this: it never has one.
    let name = DnsName::try_new("nowhere.invalid", 9901, "/metrics").expect("a name");
    let source = source(Targets { names: vec![name], ..targets(&[]) }).await;
    let told = |answer: &Result<_, QueryError>| {
        answer.as_ref().is_err_and(|error| error.fault != Fault::NotYet)
    };
    let error = until(&source, told).await.expect_err("no address");
    assert_eq!(error.address, "dns nowhere.invalid:9901/metrics");
    assert!(matches!(error.fault, Fault::Unresolved(_)), "{error}");
}
