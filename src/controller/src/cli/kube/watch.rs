//! `serin kube get --watch`: the releases again with each change that the API server tells of.

use core::pin::pin;
use core::time::Duration;
use std::io::{IsTerminal as _, stdout};

use futures_util::{FutureExt as _, StreamExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Config, watcher};
use tokio::time::{Instant, timeout_at};

use super::cluster::{Cluster, Reach};
use super::text;
use crate::cli::{Failure, print};
use crate::operator::canary_release;

/// Cursor home, and the screen cleared from there.
const REDRAW: &str = "\x1b[H\x1b[J";

/// The shortest time between two pictures: what comes together is shown together.
const APART: Duration = Duration::from_millis(100);

/// Shows the releases until interrupted: redrawn on a terminal, else again with each change.
///
/// An expired watch, or a server that is away, is waited for; the picture stays meanwhile.
pub(super) async fn run(
    cluster: &Cluster,
    reach: &Reach,
    name: Option<&str>,
) -> Result<(), Failure> {
    let in_place = stdout().is_terminal();
    let mut config = Config::default();
    if let Some(name) = name {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let writer = Writer::new(canary_release());
    let store = writer.as_reader();
    let events = watcher(cluster.api(reach), config).default_backoff().reflect(writer);
    let mut events = pin!(events);
    let mut shown = String::new();
    while let Some(event) = events.next().await {
        tell(event.err());
        let soon = Instant::now() + APART;
        while let Ok(Some(event)) = timeout_at(soon, events.next()).await {
            tell(event.err());
        }
        // The first list is not whole yet.
        if store.wait_until_ready().now_or_never().is_none() {
            continue;
        }
        let objects = store.state();
        let now = text(objects.iter().map(AsRef::as_ref));
        if now != shown {
            let redraw = if in_place { REDRAW } else { "" };
            print(&format!("{redraw}{now}"))?;
            shown = now;
        }
    }
    Ok(())
}

fn tell(error: Option<watcher::Error>) {
    if let Some(error) = error {
        anstream::eprintln!("warning: the watch was broken off and begins again: {error}");
    }
}
