//! A steady load of many users over several kept connections, with a record of every answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use hyper::Method;
use serin_assignment::Variant;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::chance::draw;
use crate::clock::now_us;
use crate::http::{self, Answer, Connection};
use crate::rules::Seen;
use crate::webapp::{BROKEN_CLIENT_HEADER, FAULT_HEADER, NAME_HEADER};

/// Longer than any answer takes that is still one.
const LIMIT: Duration = Duration::from_secs(5);

/// What the load is like.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The proxy's port.
    pub port: u16,
    /// The host that is asked for.
    pub host: String,
    /// The header that carries the user's id.
    pub identity: String,
    /// How many users there are.
    pub users: u32,
    /// The first one's number.
    pub first_user: u32,
    /// Whether they send what no version can serve.
    pub broken: bool,
    /// Requests a second, over all connections.
    pub rate: u32,
    /// Kept connections. Envoy spreads them over its workers.
    pub connections: u32,
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The user's number.
    pub user: u32,
    /// When it was sent, in microseconds since 1970.
    pub sent_us: u64,
    /// When the answer was complete, or was given up.
    pub received_us: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The application answered as it should.
    Served(Variant),
    /// The application failed as it was told to: the side's own fault.
    Injected(Variant),
    /// Anything else: the proxy or the way there failed the user.
    Failed {
        /// What was seen, for people.
        why: String,
        /// The side, where the answer named one.
        side: Option<Variant>,
    },
}

impl Outcome {
    fn of(answer: &Answer) -> Self {
        let side = answer.header(NAME_HEADER).and_then(|name| name.parse().ok());
        match (side, answer.status, answer.header(FAULT_HEADER)) {
            (Some(side), 500, Some("injected")) => Self::Injected(side),
            (Some(side), 200, _) => Self::Served(side),
            (side, status, _) => Self::Failed { why: format!("status {status}"), side },
        }
    }

    /// The side that answered, where one did.
    #[must_use]
    pub fn side(&self) -> Option<Variant> {
        match self {
            Self::Served(side) | Self::Injected(side) => Some(*side),
            Self::Failed { side, .. } => *side,
        }
    }
}

/// A user's id by number.
#[must_use]
pub fn user_id(number: u32) -> String {
    format!("user-{number:05}")
}

/// A running load.
#[derive(Debug)]
pub struct Load {
    records: Arc<Mutex<Vec<Record>>>,
    stop: watch::Sender<bool>,
    connections: JoinSet<()>,
}

impl Load {
    /// Starts it. A request that could not be sent in time is sent late, never left out.
    #[must_use]
    pub fn start(profile: &Profile) -> Self {
        let records = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        for number in 0..profile.connections {
            let lane = Lane {
                profile: profile.clone(),
                number,
                records: Arc::clone(&records),
                stopped: stopped.clone(),
            };
            connections.spawn(lane.run());
        }
        Self { records, stop, connections }
    }

    /// What has come of the requests so far.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the records made since `from` (an index), without copying those before.
    pub fn since<T>(&self, from: usize, read: impl FnOnce(&[Record]) -> T) -> T {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        read(records.get(from..).unwrap_or_default())
    }

    /// Lets the requests under way end and gives all records.
    pub async fn stop(mut self) -> Vec<Record> {
        self.stop.send_replace(true);
        while self.connections.join_next().await.is_some() {}
        self.records()
    }
}

/// One connection's part of the load.
struct Lane {
    profile: Profile,
    number: u32,
    records: Arc<Mutex<Vec<Record>>>,
    stopped: watch::Receiver<bool>,
}

impl Lane {
    async fn run(mut self) {
        let every = Duration::from_secs(1) * self.profile.connections / self.profile.rate.max(1);
        // The lanes start one after another, so that the load is even.
        let start = Instant::now() + every * self.number / self.profile.connections.max(1);
        let mut ticks = interval_at(start, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut drawn = u64::from(self.number) << 32;
        let mut connection = None;
        loop {
            tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return,
                _ = ticks.tick() => {}
            }
            drawn += 1;
            let user = self.profile.first_user + draw_user(drawn, self.profile.users);
            let sent_us = now_us();
            let outcome = match self.ask(&mut connection, user).await {
                Ok(answer) => Outcome::of(&answer),
                Err(error) => {
                    connection = None;
                    Outcome::Failed { why: format!("{error:#}"), side: None }
                }
            };
            let record = Record { user, sent_us, received_us: now_us(), outcome };
            self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        }
    }

    async fn ask(&self, connection: &mut Option<Connection>, user: u32) -> Result<Answer> {
        let id = user_id(user);
        let mut headers =
            vec![("host", self.profile.host.as_str()), (self.profile.identity.as_str(), &id)];
        if self.profile.broken {
            headers.push((BROKEN_CLIENT_HEADER, "yes"));
        }
        let request = http::request(Method::GET, "/", &headers, "")?;
        let kept = match connection {
            Some(kept) if kept.open() => kept,
            // Closed between two requests, as a proxy may at any time: nobody's failure.
            _ => connection.insert(Connection::to(self.profile.port).await?),
        };
        kept.send(request, LIMIT).await
    }
}

/// Which user comes with the draw of this number: evenly, in no order, the same in every run.
fn draw_user(number: u64, users: u32) -> u32 {
    u32::try_from(draw(number) % u64::from(users.max(1))).unwrap_or_default()
}

/// The ids of a load's users, made once for a check of many records.
#[must_use]
pub fn user_ids(users: u32) -> Vec<String> {
    (0..users).map(user_id).collect()
}

/// The answers that show a side, in the form that [`crate::rules::check`] judges. `ids` are the
/// users' ids by number.
pub fn answers<'a>(
    records: &'a [Record],
    ids: &'a [String],
) -> impl Iterator<Item = Seen<'a>> + Clone {
    records.iter().filter_map(|record| {
        Some(Seen {
            user: ids.get(usize::try_from(record.user).ok()?)?.as_bytes(),
            sent_us: record.sent_us,
            received_us: record.received_us,
            served: record.outcome.side()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Load, Outcome, Profile, draw_user};
    use crate::webapp::{Behaviour, WebApp};
    use serin_assignment::Variant;
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[test]
    fn draws_every_user() {
        let drawn: BTreeSet<u32> = (0..30_000).map(|draw| draw_user(draw, 2_000)).collect();
        assert_eq!(drawn.len(), 2_000);
    }

    #[tokio::test]
    async fn tells_a_failure_by_order_from_any_other() {
        let app = WebApp::start("canary", 0, Behaviour::healthy("v1")).await.unwrap();
        let profile = Profile {
            port: app.port(),
            host: "shop.example.com".into(),
            identity: "x-user-id".into(),
            users: 10,
            first_user: 0,
            broken: false,
            rate: 200,
            connections: 2,
        };
        let load = Load::start(&profile);
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.behave(Behaviour { error_rate: 1.0, ..Behaviour::healthy("v1") });
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(app);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let records = load.stop().await;
        let count =
            |wanted: fn(&Outcome) -> bool| records.iter().filter(|r| wanted(&r.outcome)).count();
        assert!(count(|o| *o == Outcome::Served(Variant::Canary)) > 20);
        assert!(count(|o| *o == Outcome::Injected(Variant::Canary)) > 20);
        assert!(count(|o| matches!(o, Outcome::Failed { .. })) > 20);
        assert!(records.iter().all(|record| record.sent_us <= record.received_us));
    }
}
