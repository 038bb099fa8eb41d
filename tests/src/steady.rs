//! A steady load by callers as browsers and most clients are: one whose kept connection is closed
//! before the first byte of an answer asks once more on a new one, since every server may close an
//! idle connection at any time, and does so when it makes way for its next self.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use hyper::Method;
use serin_assignment::Variant;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::http::{self, Answer, Connection};
use crate::load::user_id;
use crate::webapp::NAME_HEADER;

/// Longer than any answer takes that is still one.
const LIMIT: Duration = Duration::from_secs(5);

/// A request and its answer: the user's number and the side, or what went wrong.
pub type Seen = (u32, Result<Variant, String>);

/// A running load.
#[derive(Debug)]
pub struct Steady {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: watch::Sender<bool>,
    lanes: JoinSet<()>,
}

/// What it is like.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The proxy's port.
    pub port: u16,
    /// The host that is asked for.
    pub host: String,
    /// How many users there are.
    pub users: u32,
    /// Connections, each with one request at a time.
    pub connections: u32,
    /// The time from one request of a connection to the next.
    pub every: Duration,
}

impl Steady {
    /// Starts it.
    #[must_use]
    pub fn start(profile: &Profile) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = watch::channel(false);
        let mut lanes = JoinSet::new();
        for lane in 0..profile.connections {
            lanes.spawn(run(profile.clone(), lane, Arc::clone(&seen), stopped.clone()));
        }
        Self { seen, stop, lanes }
    }

    /// How many requests have been answered so far, or have failed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets the requests under way end and gives all answers, in their order.
    pub async fn stop(mut self) -> Vec<Seen> {
        self.stop.send_replace(true);
        while self.lanes.join_next().await.is_some() {}
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn run(
    profile: Profile,
    lane: u32,
    seen: Arc<Mutex<Vec<Seen>>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = interval(profile.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    let mut user = lane;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = ticks.tick() => {}
        }
        user = (user + profile.connections) % profile.users.max(1);
        let answer = ask(&profile, &mut connection, user).await;
        let side = answer.map_err(|error| format!("{error:#}")).and_then(|answer| side(&answer));
        seen.lock().unwrap_or_else(PoisonError::into_inner).push((user, side));
    }
}

async fn ask(profile: &Profile, kept: &mut Option<Connection>, user: u32) -> Result<Answer> {
    let id = user_id(user);
    let request =
        || http::request(Method::GET, "/", &[("host", &profile.host), ("x-user-id", &id)], "");
    if let Some(mut connection) = kept.take().filter(Connection::open) {
        match connection.send(request()?, LIMIT).await {
            Ok(answer) => {
                *kept = Some(connection);
                return Ok(answer);
            }
            Err(error) if closed_before_an_answer(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let mut connection = Connection::to(profile.port).await?;
    let answer = connection.send(request()?, LIMIT).await?;
    *kept = Some(connection);
    Ok(answer)
}

fn closed_before_an_answer(error: &anyhow::Error) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(|error| {
        error.is_canceled() || error.is_closed() || error.is_incomplete_message()
    }) || is_reset(error)
}

fn is_reset(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|error| {
        matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
    })
}

fn side(answer: &Answer) -> Result<Variant, String> {
    match answer.header(NAME_HEADER).and_then(|name| name.parse().ok()) {
        Some(side) if answer.status == 200 => Ok(side),
        _ => Err(format!("status {}: {}", answer.status, answer.text())),
    }
}

/// The canary's share of the answers, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Of the first twentieth of them.
    pub first: usize,
    /// Of the last twentieth.
    pub last: usize,
    /// Of all.
    pub all: usize,
}

/// The canary's share at the beginning, at the end, and in all.
///
/// # Errors
/// Where a request has failed, with the proxy's log; and where there were too few to tell.
pub fn shares(seen: &[Seen], log: &str) -> Result<Shares> {
    let failed: Vec<_> = seen.iter().filter(|(_, side)| side.is_err()).collect();
    let (some, all) = (failed.len(), seen.len());
    ensure!(failed.is_empty(), "{some} of {all} failed: {:?}\n{log}", failed.first());
    ensure!(all >= 500, "{all} requests only");
    let share = |part: &[Seen]| {
        let canary = part.iter().filter(|(_, side)| *side == Ok(Variant::Canary)).count();
        canary * 100 / part.len().max(1)
    };
    let part = all / 20;
    Ok(Shares {
        first: share(seen.get(..part).unwrap_or_default()),
        last: share(seen.get(all - part..).unwrap_or_default()),
        all: share(seen),
    })
}
