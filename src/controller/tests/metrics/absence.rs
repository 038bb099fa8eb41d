//! A controller that was away for long, and what it missed is more than one answer may hold.

use std::collections::BTreeMap;
use std::time::Duration;

use serin_controller::counts::{Ledger, Start, read};
use serin_controller::gates::{Counts, Gate, Kind, Measure, Ratio, Subject};
use serin_controller::metrics::{MetricsSettings, Source};
use serin_judge::{Dispersion, Margin};

use crate::fake::{Fake, Reply};
use crate::{now_ms, settings};

#[tokio::test]
async fn what_was_missed_is_asked_for_in_smaller_parts_where_it_is_too_much() {
    let measure = Measure::ErrorRate { floor: None, slo: None };
    let ratio = Ratio {
        margin: Margin::default_for(measure.worse()),
        measure,
        counts: Counts::Filter,
        weight: 1.0,
        dispersion: Dispersion::try_new(1.0).expect("a dispersion"),
    };
    let gates = [Gate { name: "errors".to_owned(), kind: Kind::Ratio(ratio) }];
    let subject = Subject {
        metric_id: "0a1b2c3d".to_owned(),
        stable_cluster: "stable".to_owned(),
        canary_cluster: "canary".to_owned(),
    };
    // Twenty minutes at a scrape each five seconds; the fake holds a minute of them.
    let now_ms = now_ms();
    let cut_ms = now_ms - 20 * 60 * 1000;
    let cuts = [("errors".to_owned(), cut_ms)].into();
    let start = Start { started_ms: cut_ms, cuts };
    let settings = |address: &str| {
        let mut settings = settings(address);
        settings.timeout = Duration::from_mins(1);
        settings
    };
    let fake = Fake::start(Reply::TooMuchBeyond(75)).await;
    let scrape = settings(&fake.address).scrape_interval;
    let prometheus = MetricsSettings::Prometheus(settings(&fake.address));
    let source = Source::new(prometheus).await.expect("a source");
    let mut ledger = Ledger::new(&gates, &subject, &BTreeMap::new(), scrape, &start);
    for pass in 0.. {
        assert!(pass < 10, "never told all");
        assert_eq!(read(&mut ledger, &source, now_ms).await.unread, BTreeMap::new());
        let asked = format!("time={}.{:03}", now_ms / 1000, now_ms % 1000);
        if fake.requests().last().is_some_and(|request| request.contains(&asked)) {
            break;
        }
    }
}
