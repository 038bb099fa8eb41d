//! Takes, renews and gives back the lease.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::lease::{DEADLINE, Held, LENGTH, Move, PATIENCE, RETRY, Watched};
use crate::engine::Stop;

/// The name of the lease.
pub(super) const NAME: &str = "serin";

/// Until when this process may write; `None` while it may not.
#[derive(Clone, Debug)]
pub(super) struct Term(watch::Receiver<Option<Instant>>);

/// This process does not lead, so it must not write.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("another controller leads, or the lease could not be renewed in time")]
pub(super) struct NotLeading;

/// Why a write under the term has not come through.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// It was not this process's to make, or to end.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// The API server has not taken it.
    #[error(transparent)]
    Refused(#[from] kube::Error),
}

impl WriteError {
    /// Whether somebody else has written the object since it was read.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(kube::Error::Api(refused)) if refused.code == 409)
    }
}

impl Term {
    pub(super) fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (give, until) = watch::channel(None);
        (give, Self(until))
    }

    /// Whether this process leads at this moment.
    pub(super) fn leads(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Makes a write, which does not outlive the term: what has not come through by then is given
    /// up.
    ///
    /// # Errors
    /// [`WriteError`] where the term is over, or the server does not take the write.
    pub(super) async fn write<T>(
        &self,
        what: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, WriteError> {
        let until = self.0.borrow().filter(|until| Instant::now() < *until).ok_or(NotLeading)?;
        Ok(timeout_at(until, what).await.map_err(|_| NotLeading)??)
    }

    /// Waits until this process leads.
    pub(super) async fn begins(&mut self) {
        while !self.leads() {
            if self.0.changed().await.is_err() {
                core::future::pending::<()>().await;
            }
        }
    }

    /// Waits until it does not lead any more.
    pub(super) async fn ends(&mut self) {
        loop {
            let Some(until) = *self.0.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {
                    if !self.leads() {
                        return;
                    }
                }
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// One that wants to lead.
pub(super) struct Candidate {
    api: Api<Lease>,
    identity: String,
    watched: Watched,
    term: watch::Sender<Option<Instant>>,
}

impl Candidate {
    pub(super) fn new(
        api: Api<Lease>,
        identity: String,
        term: watch::Sender<Option<Instant>>,
    ) -> Self {
        Self { api, identity, watched: Watched::default(), term }
    }

    /// Competes until the sign to stop is given, then gives the lease back if it has it. Whatever
    /// is written under it must have ended by then.
    pub(super) async fn run(mut self, mut stop: Stop) {
        let mut told = String::new();
        loop {
            tokio::select! {
                biased;
                () = stop.given() => break,
                () = self.compete(&mut told) => {}
            }
            tokio::select! {
                biased;
                () = stop.given() => break,
                () = sleep(RETRY) => {}
            }
        }
        if self.term.borrow().is_some() {
            self.term.send_replace(None);
            if let Ok(Err(error)) = timeout(RETRY, self.give_back()).await {
                tracing::warn!(%error, "the lease is not given back, so that the next controller waits for its end");
            }
        }
    }

    async fn compete(&mut self, told: &mut String) {
        let asked = Instant::now();
        let outcome = match timeout(PATIENCE, self.turn()).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        match outcome {
            // Counted from before the request, so that however long it took, others count longer.
            Ok(true) => {
                if self.term.send_replace(Some(asked + DEADLINE)).is_none() {
                    tracing::info!(identity = %self.identity, "leading");
                }
                told.clear();
            }
            Ok(false) => {
                if self.term.send_replace(None).is_some() {
                    tracing::warn!("not leading any more: another controller has the lease");
                }
                told.clear();
            }
            // The term ends by itself where this goes on.
            Err(why) => {
                if *told != why {
                    tracing::warn!("the lease cannot be read or renewed: {why}");
                }
                *told = why;
            }
        }
    }

    /// Looks at the lease, and says whether it is ours now.
    async fn turn(&mut self) -> Result<bool, kube::Error> {
        let lease = self.api.get_opt(NAME).await?;
        let held = lease.as_ref().map(|lease| Held {
            holder: lease
                .spec
                .as_ref()
                .and_then(|spec| spec.holder_identity.clone())
                .unwrap_or_default(),
            version: lease.metadata.resource_version.clone().unwrap_or_default(),
        });
        let written = match (self.watched.look(held, &self.identity, Instant::now()), lease) {
            (Move::Wait, _) => return Ok(false),
            (Move::Take | Move::Renew, None) => {
                let lease = Lease {
                    metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
                    spec: Some(self.spec(None)),
                };
                self.api.create(&PostParams::default(), &lease).await
            }
            (_, Some(lease)) => self.put(lease, false).await,
        };
        match written {
            Ok(_) => Ok(true),
            // Somebody else was quicker.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn put(&self, mut lease: Lease, give_back: bool) -> Result<Lease, kube::Error> {
        let mut spec = self.spec(lease.spec.take());
        if give_back {
            spec.holder_identity = Some(String::new());
        }
        lease.spec = Some(spec);
        self.api.replace(NAME, &PostParams::default(), &lease).await
    }

    async fn give_back(&self) -> Result<(), kube::Error> {
        let Some(lease) = self.api.get_opt(NAME).await? else { return Ok(()) };
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        if holder == Some(&self.identity) {
            self.put(lease, true).await?;
        }
        Ok(())
    }

    fn spec(&self, before: Option<LeaseSpec>) -> LeaseSpec {
        let before = before.unwrap_or_default();
        let now = MicroTime(Timestamp::now());
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        LeaseSpec {
            acquire_time: if ours { before.acquire_time } else { Some(now.clone()) },
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LENGTH.as_secs()).ok(),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!ours)),
            renew_time: Some(now),
            ..before
        }
    }
}
