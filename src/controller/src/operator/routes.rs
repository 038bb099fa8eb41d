//! The objects in which weights are moved, of the kinds that releases name and the cluster serves.
//!
//! A cluster has the definitions of the routers that it runs and no others, and a controller may have
//! been given rights to those alone. So a kind is looked for once a release names it, and one that is
//! not served is looked for again now and then.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use kube::Client;
use serin_routes::Kind;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::cache::{AGAIN, Listed, Objects, Watched};
use super::client::answer;
use super::kept::Kept;
use super::kinds::{self, Key, Scope};
use crate::release::RouteRef;

/// How often releases are looked through for a kind that none has named yet.
const NAMED: Duration = Duration::from_secs(1);

/// How often a kind that is not served is looked for: one request of each replica a kind.
const LOOKED_FOR: Duration = Duration::from_secs(30);

/// How long a start waits for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// All objects of each kind in which weights are moved.
#[derive(Clone, Debug)]
pub(super) struct Routes([OfKind; Kind::ALL.len()]);

/// The objects of one kind.
#[derive(Clone, Debug)]
struct OfKind {
    kind: Kind,
    objects: Objects,
    listed: Listed,
    /// Whether the cluster serves the kind; `None` while nobody has told.
    served: watch::Receiver<Option<bool>>,
}

impl Routes {
    /// Starts to look for what `releases` name. The tasks end with the set.
    pub(super) fn start(
        client: &Client,
        scope: &Scope,
        (releases, tell): (&Objects, &watch::Sender<u64>),
        tasks: &mut JoinSet<()>,
    ) -> Self {
        Self(Kind::ALL.map(|kind| {
            let resource = kinds::route(kind);
            let (watched, objects, listed) = Watched::new(tell);
            let watching = watched.follow(scope.api(client, &resource), resource.kind.clone());
            let (known, served) = watch::channel(None);
            let (client, releases, news) = (client.clone(), releases.clone(), tell.subscribe());
            tasks.spawn(async move {
                until_named(&releases, kind, news).await;
                until_served(&client, kind, &known).await;
                watching.await;
            });
            OfKind { kind, objects, listed, served }
        }))
    }

    /// Waits until every kind that one of the releases names was listed once, or is known not to be
    /// served; not for long, as a kind that nobody may list is no reason to leave the others alone.
    pub(super) async fn ready(&self, releases: &Objects) {
        let named = named(releases);
        let all = self.0.iter().filter(|one| named.contains(&one.kind)).map(OfKind::ready);
        if timeout(PATIENCE, join_all(all)).await.is_err() {
            tracing::warn!("not all kinds that releases name as their route can be listed");
        }
    }

    /// All objects of a kind.
    pub(super) fn of(&self, kind: Kind) -> Option<&Objects> {
        self.0.iter().find(|one| one.kind == kind).map(|one| &one.objects)
    }

    /// The object that a release names.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn named(&self, namespace: &str, route: &RouteRef) -> Result<Arc<Kept>, String> {
        let RouteRef { kind, name } = route;
        let key = Key { namespace: namespace.to_owned(), name: name.clone() };
        let one = self.0.iter().find(|one| one.kind == *kind);
        match one {
            Some(one) if *one.served.borrow() == Some(false) => Err(kinds::not_served(*kind)),
            Some(one) if one.served.borrow().is_none() || !one.listed.is_ready() => {
                Err(format!("nobody has told yet whether there is {kind} {key}"))
            }
            one => one
                .and_then(|one| one.objects.kept(&key))
                .ok_or_else(|| format!("there is no {kind} {key}")),
        }
    }
}

impl OfKind {
    async fn ready(&self) {
        let mut served = self.served.clone();
        match served.wait_for(Option::is_some).await.map(|it| *it) {
            Ok(Some(false)) => {}
            Ok(_) => self.listed.ready().await,
            // Its task has ended, so that nothing will come any more.
            Err(_) => core::future::pending().await,
        }
    }
}

/// The kinds that these releases name.
fn named(releases: &Objects) -> BTreeSet<Kind> {
    releases.all().iter().filter_map(|it| Some(it.names().route.as_ref()?.kind)).collect()
}

/// Returns once a release names the kind.
async fn until_named(releases: &Objects, kind: Kind, mut news: watch::Receiver<u64>) {
    while !named(releases).contains(&kind) {
        sleep(NAMED).await;
        if news.changed().await.is_err() {
            core::future::pending::<()>().await;
        }
    }
}

/// Returns once the cluster serves the kind.
async fn until_served(client: &Client, kind: Kind, known: &watch::Sender<Option<bool>>) {
    let mut told = false;
    loop {
        match is_served(client, kind).await {
            Ok(true) => {
                known.send_replace(Some(true));
                return;
            }
            Ok(false) => {
                if !told {
                    tracing::info!("{}", kinds::not_served(kind));
                    told = true;
                }
                known.send_replace(Some(false));
                sleep(LOOKED_FOR).await;
            }
            Err(error) => {
                tracing::warn!(%kind, %error, "nobody tells whether the kind is served");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Whether the cluster has a definition of the kind.
///
/// # Errors
/// Why nobody can tell.
pub(super) async fn is_served(client: &Client, kind: Kind) -> Result<bool, String> {
    let api = kind.router().api();
    let version = format!("{}/{}", api.group, api.version);
    let question = async {
        match client.list_api_group_resources(&version).await {
            Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == api.plural)),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    };
    answer(question).await
}
