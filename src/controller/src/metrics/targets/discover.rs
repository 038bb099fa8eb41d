//! Which pages there are at present: names are resolved again and again.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::IpAddr;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::settings::{DnsName, PageAddress, Targets};
use crate::metrics::{Fault, QueryError};

/// How often names are resolved: a new pod is found before its first requests are judged.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// The longest time that resolving may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the last addresses are used where a name cannot be resolved any more: a name server
/// starts again within minutes, and the pods behind the name are there all the while.
const ADDRESSES_LAST: Duration = Duration::from_mins(5);

/// The names of a release, with the addresses that they had last.
#[derive(Debug)]
pub(super) struct Discovery {
    targets: Targets,
    known: BTreeMap<usize, (Instant, Vec<IpAddr>)>,
}

/// What there is.
#[derive(Debug)]
pub(super) struct Found {
    /// Pages by instance.
    pub(super) pages: BTreeMap<String, PageAddress>,
    /// By name: why it cannot be resolved, or that it can.
    pub(super) names: Vec<(String, Option<QueryError>)>,
}

impl Discovery {
    pub(super) fn new(targets: Targets) -> Self {
        Self { targets, known: BTreeMap::new() }
    }

    /// Whether anything can change.
    pub(super) fn is_fixed(&self) -> bool {
        self.targets.names.is_empty()
    }

    /// Resolves all names. What two of them, or a name and a fixed page, have in common is there
    /// once.
    pub(super) async fn look(&mut self) -> Found {
        let answers = join_all(self.targets.names.iter().map(resolve)).await;
        let mut pages: BTreeMap<String, PageAddress> = BTreeMap::new();
        for page in &self.targets.pages {
            pages.insert(page.instance(), page.clone());
        }
        let mut names = Vec::new();
        for (index, (name, answer)) in self.targets.names.iter().zip(answers).enumerate() {
            let trouble = match answer {
                Ok(addresses) => {
                    self.known.insert(index, (Instant::now(), addresses));
                    None
                }
                Err(why) => {
                    let old = |(at, _): &(Instant, Vec<IpAddr>)| at.elapsed() >= ADDRESSES_LAST;
                    if self.known.get(&index).is_some_and(old) {
                        self.known.remove(&index);
                    }
                    Some(QueryError { address: name.to_string(), fault: Fault::Unresolved(why) })
                }
            };
            names.push((name.to_string(), trouble));
            let addresses = self.known.get(&index).into_iter().flat_map(|(_, known)| known);
            for page in addresses.filter_map(|address| name.page(*address).ok()) {
                pages.entry(page.instance()).or_insert(page);
            }
        }
        Found { pages, names }
    }
}

async fn resolve(name: &DnsName) -> Result<Vec<IpAddr>, String> {
    let found = timeout(LIMIT, tokio::net::lookup_host(name.question())).await;
    let found = found.map_err(|_| format!("no answer within {} s", LIMIT.as_secs()))?;
    let addresses: Vec<IpAddr> =
        found.map_err(|error| error.to_string())?.map(|address| address.ip()).collect();
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}
