//! What changes, as it changes: server-sent events for whoever watches.
//!
//! An event tells all that is new since the one before, so that whoever is slow hears less often and
//! misses nothing. Each takes up a connection for as long as they watch.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::App;
use super::connections::Limits;
use super::error::ApiError;
use super::running::{Shown, Told};
use super::summary::Summary;
use crate::engine::{Curves, Stop};
use crate::status::Status;

/// How often it is looked whether there is something new. Passes come once a second at the most by
/// default, and people see no difference below half of one.
const LOOK: Duration = Duration::from_millis(500);

/// The longest time without an event, by which a watcher sees that the connection is alive.
const SILENCE: Duration = Duration::from_secs(5);

/// When a watcher whose connection was lost may come again: a controller that starts anew should
/// not have all of them at once, and people wait.
const AGAIN: Duration = Duration::from_secs(2);

/// Which part of all connections people may take up who watch: the rest is left for proxies.
const PART: usize = 4;

/// The most who may watch: more than a company has at one rollout, and each knows of every release
/// what it was told.
const MOST: usize = 200;

/// The places for whoever watches.
#[derive(Clone, Debug)]
pub(super) struct Watchers(Arc<Semaphore>);

impl Watchers {
    pub(super) fn within(limits: Limits) -> Self {
        Self(Arc::new(Semaphore::new((limits.connections / PART).clamp(1, MOST))))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_none| {
            ApiError::unavailable("as many watch as may; the rest is left for proxies".to_owned())
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// The release that is to be told of in full, as `namespace/name`.
    release: Option<String>,
}

/// `GET /v1/events?release=demo/shop`
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Extension(watchers): Extension<Watchers>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(Parameters { release }) = parameters?;
    let followed = release.as_deref().map(name).transpose()?;
    let watch = Watch::new(app, followed, watchers.place()?);
    let events = stream::unfold(watch, async |mut watch| Some((watch.next().await?, watch)));
    // NGINX would hold events back until its buffer is full.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events)).into_response())
}

fn name(text: &str) -> Result<(String, String), ApiError> {
    let parts = text.split_once('/').ok_or_else(|| {
        ApiError::new(StatusCode::BAD_REQUEST, "release: it is not `namespace/name`".to_owned())
    })?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

/// What an event tells.
#[derive(Debug, Serialize)]
struct News {
    /// The time here, in milliseconds since 1970: times of status are by this clock.
    at: i64,
    /// Whether `releases` are all there are.
    whole: bool,
    /// Those in the list that are new or have changed.
    releases: Vec<Summary>,
    /// Those that are gone, as `namespace/name`.
    gone: Vec<String>,
    /// The one that is followed, where there is something new of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<Followed>,
}

impl News {
    const fn is_empty(&self) -> bool {
        self.releases.is_empty() && self.gone.is_empty() && self.release.is_none()
    }
}

/// A release in full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Followed {
    #[serde(flatten)]
    status: Status,
    /// Whether this is what another process has stored.
    stored: bool,
    /// How it went so far, in the first event of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    trail: Option<Curves>,
}

/// Somebody who watches, and what they know.
struct Watch {
    app: Arc<App>,
    stop: Stop,
    look: Interval,
    told_at: Option<Instant>,
    known: BTreeMap<(String, String), (Told, Option<Summary>)>,
    followed: Option<(String, String)>,
    /// What was told of the one that is followed.
    told: Option<Told>,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    fn new(app: Arc<App>, followed: Option<(String, String)>, place: OwnedSemaphorePermit) -> Self {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = app.stop.clone();
        let known = BTreeMap::new();
        Self { app, stop, look, told_at: None, known, followed, told: None, _place: place }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        loop {
            tokio::select! {
                biased;
                () = self.stop.given() => return None,
                _ = self.look.tick() => {}
            }
            let news = self.news();
            let silent = self.told_at.is_none_or(|at| at.elapsed() >= SILENCE);
            if !news.is_empty() || silent {
                let first = self.told_at.replace(Instant::now()).is_none();
                let event = Event::default().event("news").json_data(&news);
                return Some(event.map(|event| if first { event.retry(AGAIN) } else { event }));
            }
        }
    }

    fn news(&mut self) -> News {
        let shown = self.app.releases.shown();
        let followed = self.followed(&shown);
        let mut news = News {
            at: Timestamp::now().as_millisecond(),
            whole: self.told_at.is_none(),
            releases: Vec::new(),
            gone: Vec::new(),
            release: followed,
        };
        self.known.retain(|key, _| {
            let stays = shown.contains_key(key);
            if !stays {
                news.gone.push(format!("{}/{}", key.0, key.1));
            }
            stays
        });
        for (key, now) in shown {
            let before = self.known.get(&key);
            if before.is_some_and(|(before, _)| before.is(&now)) {
                continue;
            }
            let status = self.app.releases.status(&key, &now);
            let stored = matches!(now, Shown::Stored(_));
            let summary = status.as_deref().map(|status| Summary::of(status, stored));
            if before.is_none_or(|(_, told)| *told != summary) {
                news.releases.extend(summary.clone());
            }
            self.known.insert(key, (now.told(), summary));
        }
        news
    }

    fn followed(&mut self, shown: &BTreeMap<(String, String), Shown>) -> Option<Followed> {
        let key = self.followed.as_ref()?;
        let Some(now) = shown.get(key) else {
            self.told = None;
            return None;
        };
        if self.told.as_ref().is_some_and(|told| told.is(now)) {
            return None;
        }
        let status = self.app.releases.status(key, now)?.without_inputs();
        let before = self.told.replace(now.told());
        // Who runs it knows how it went, who has read what is stored does not.
        let first = !matches!(before, Some(Told::Run(_)));
        let run = self.app.releases.get(&key.0, &key.1).filter(|_| first);
        let stored = matches!(now, Shown::Stored(_));
        Some(Followed { status, stored, trail: run.map(|run| run.trail.curves()) })
    }
}
