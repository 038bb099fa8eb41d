//! What the metrics show to somebody who looks at a release once.

use core::time::Duration;

use serin_rollout::StepClock;

use super::{Placed, millis, proof, requests, three_scrapes};
use crate::gates::whole;
use crate::metrics::{MetricsSettings, Sample, Source, now_ms};
use crate::release::Release;

/// How far back requests are counted: long enough for a host with little traffic to show some.
const REQUESTS: Duration = Duration::from_mins(5);

/// The labels by which proxies are told apart, the most telling first.
const NAMES: [&str; 3] = ["pod", "kubernetes_pod_name", "instance"];

/// A proxy that shows a release's rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// Its pod, or where it is scraped.
    pub(crate) name: String,
    /// The smallest revision among its workers.
    pub(crate) revision: u64,
}

/// The proxies of the last three scrapes, and where the hash placed the requests of the last five
/// minutes; none where no proxy counts them.
///
/// # Errors
/// Why the metrics have no answer.
pub(crate) async fn survey(
    settings: MetricsSettings,
    release: &Release,
) -> Result<(Vec<Proxy>, Option<Placed>), String> {
    let source = Source::new(settings).await.map_err(|error| error.to_string())?;
    let (subject, at_ms) = (release.subject(), now_ms());
    let within = three_scrapes(source.scrape_interval());
    let shown = source.last(&proof::selector(&subject), within, at_ms).await;
    let proxies = shown.map_err(|error| error.to_string())?.iter().map(proxy).collect();
    let since = StepClock { started_ms: at_ms.saturating_sub(millis(REQUESTS)), baked_ms: 0 };
    Ok((proxies, requests::ask(&source, &subject, Some(since), at_ms).await))
}

fn proxy(sample: &Sample) -> Proxy {
    let name = NAMES.iter().find_map(|label| sample.labels.get(*label));
    Proxy {
        name: name.cloned().unwrap_or_else(|| "a proxy without a name".to_owned()),
        revision: whole(sample.point.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    #[test]
    fn a_proxy_goes_by_its_pod_before_its_address() {
        let named = |labels: &[(&str, &str)]| {
            let labels: Labels = labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            proxy(&Sample { labels, point: Point { at_ms: 0, value: 7.0 } })
        };
        let gateway = named(&[("instance", "10.0.0.1:15020"), ("pod", "gateway-1")]);
        assert_eq!(gateway, Proxy { name: "gateway-1".to_owned(), revision: 7 });
        assert_eq!(named(&[("instance", "10.0.0.1:15020")]).name, "10.0.0.1:15020");
    }
}
