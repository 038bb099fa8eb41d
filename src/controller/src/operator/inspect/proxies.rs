//! Whether the proxies have a release's rollout, and count for it.

use super::Finding;
use crate::observe::{Placed, Proxy};
use crate::status::kubernetes::ObjectStatus;

const CHECK: &str = "proxies";

/// How many proxies are named: the rest are like them.
const NAMED: usize = 10;

/// `drawn`: whether the router draws each request, so that its own counters are as good.
pub(super) fn look(
    proxies: &Result<Vec<Proxy>, String>,
    placed: Option<Placed>,
    drawn: bool,
    status: &ObjectStatus,
) -> Vec<Finding> {
    let proxies = match proxies {
        Err(why) => {
            return vec![
                Finding::unknown(CHECK, why).mend(
                    "where only the cluster reaches Prometheus: kubectl port-forward, then --prometheus http://localhost:9090",
                ),
            ];
        }
        Ok(proxies) => proxies,
    };
    if proxies.is_empty() && drawn {
        return vec![Finding::good(
            CHECK,
            "none marks requests: the router draws each by the weights, and its counters prove them",
        )];
    }
    if proxies.is_empty() {
        return vec![
            Finding::bad(CHECK, "Prometheus shows no proxy with this release's rollout").mend(
                "is the filter loaded by the proxies on the way, and are they scraped? \
                 (README, Troubleshooting)",
            ),
        ];
    }
    vec![followers(proxies, status.revision), requests(placed)]
}

fn followers(proxies: &[Proxy], published: Option<u64>) -> Finding {
    let published = published.unwrap_or_default();
    let behind: Vec<&Proxy> = proxies.iter().filter(|proxy| proxy.revision < published).collect();
    let all = proxies.len();
    if behind.is_empty() {
        let names = named(proxies.iter());
        return Finding::good(CHECK, format!("all {all} are at revision {published}: {names}"));
    }
    let count = behind.len();
    let names = named(behind.into_iter());
    Finding::bad(CHECK, format!("{count} of {all} are behind revision {published}: {names}"))
        .mend("does the plugin's configuration, or its source, reach them? Their log says so")
}

fn named<'a>(proxies: impl Iterator<Item = &'a Proxy>) -> String {
    let mut names: Vec<String> =
        proxies.map(|Proxy { name, revision }| format!("{name} ({revision})")).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

fn requests(placed: Option<Placed>) -> Finding {
    const CHECK: &str = "requests";
    match placed {
        None => Finding::doubtful(CHECK, "no counts of requests for the last five minutes"),
        Some(Placed { canary: 0, stable: 0 }) => {
            Finding::doubtful(CHECK, "the hash has placed no request in the last five minutes").mend(
                "do requests come for its hosts and paths, with one of its identities? `serin check FILE` shows both",
            )
        }
        Some(Placed { canary, stable }) => Finding::good(
            CHECK,
            format!("in the last five minutes the hash has placed {canary} on canary, {stable} on stable"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome::{self, Bad, Doubtful, Good, Unknown};
    use super::*;

    fn found(revisions: &[u64], placed: Option<(u64, u64)>) -> Vec<Outcome> {
        let proxy = |revision: &u64| Proxy { name: "gateway".to_owned(), revision: *revision };
        let proxies = Ok(revisions.iter().map(proxy).collect());
        let placed = placed.map(|(canary, stable)| Placed { canary, stable });
        let status = ObjectStatus { revision: Some(7), ..ObjectStatus::default() };
        look(&proxies, placed, false, &status).iter().map(|finding| finding.outcome).collect()
    }

    #[test]
    fn every_proxy_has_to_follow() {
        assert_eq!(found(&[7, 8], Some((1, 9))), [Good, Good]);
        assert_eq!(found(&[7, 6], Some((0, 0))), [Bad, Doubtful]);
        assert_eq!(found(&[7], None), [Good, Doubtful]);
        assert_eq!(found(&[], None), [Bad]);
        let silent = look(&Err("refused".to_owned()), None, false, &ObjectStatus::default());
        assert_eq!(silent[0].outcome, Unknown);
    }

    #[test]
    fn a_router_that_draws_each_request_needs_none() {
        let status = ObjectStatus::default();
        assert_eq!(look(&Ok(Vec::new()), None, true, &status)[0].outcome, Good);
        let silent = look(&Err("refused".to_owned()), None, true, &status);
        assert_eq!(silent[0].outcome, Unknown);
    }

    #[test]
    fn not_all_of_many_are_named() {
        let proxies: Vec<Proxy> =
            (0..12).map(|nth| Proxy { name: format!("gw-{nth:02}"), revision: 5 }).collect();
        let said = named(proxies.iter());
        assert!(said.starts_with("gw-00 (5), gw-01") && said.ends_with("and 2 more"), "{said}");
    }
}
