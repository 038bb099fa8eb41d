//! Asks the source for its document, as the one VM of the proxy that holds the lease.
//!
//! What was observed on Envoy 1.40: of a filter's VMs, those of the workers and one on the main
//! thread tick, and each of them can send calls; the base VM, from which they are made, and the
//! short-lived one that checks a configuration do not tick. So any VM that ticks may hold the
//! lease. A call to a cluster that refuses connections is answered at once with status 503; one
//! to a cluster without hosts, or to an unknown one, is not sent at all.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serin_document::duration;
use serin_document::plugin::SourceConfig;

use crate::answer::{self, Answered, Outcome};
use crate::host::{Answer, CallRefused, Get, Host, Level, Moment, Token};
use crate::shared::SourceKeys;
use crate::shared::document::{ETag, Head};
use crate::shared::lease::{Lease, Standing};

/// What the answer may take longer than the source was asked to hold it: the way there and back,
/// and a source that is slow.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// A proxy calls back for each call it has sent. Where one forgets to, this long after the time
/// limit the call counts as failed, so that asking does not stop for ever.
const CALLBACK_TIME: Duration = Duration::from_secs(5);

/// How long a VM that could not send a call leaves the lease to others; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// A call that is on its way.
#[derive(Clone, Copy, Debug)]
struct Call {
    token: Token,
    began: Moment,
}

/// Asks one source, while it holds the lease.
#[derive(Debug)]
pub struct Poller {
    config: SourceConfig,
    keys: SourceKeys,
    /// `:path` with the wait.
    path: String,
    /// The number under which it takes the lease.
    me: u64,
    call: Option<Call>,
    /// After a call could not be sent: since when it may try again, and the pause after the next.
    paused_until: Moment,
    pause: Duration,
    complaint: Option<String>,
}

impl Poller {
    /// A poller that asks from its next tick on.
    pub fn new(host: &dyn Host, config: SourceConfig) -> Self {
        Self {
            keys: SourceKeys::new(&config.key_hash()),
            path: format!("{}?wait={}", config.path, duration::format(config.wait)),
            config,
            // Zero is nobody.
            me: host.random().max(1),
            call: None,
            paused_until: Moment::default(),
            pause: FIRST_PAUSE,
            complaint: None,
        }
    }

    /// The source's block.
    #[must_use]
    pub const fn config(&self) -> &SourceConfig {
        &self.config
    }

    /// The keys under which the source's answers are shared.
    #[must_use]
    pub const fn keys(&self) -> &SourceKeys {
        &self.keys
    }

    /// Takes or renews the lease, and asks when it is time. What it returns has failed.
    pub fn tick(&mut self, host: &dyn Host, now: Moment) -> Option<Answered> {
        if self.is_forgotten(now) {
            self.call = None;
            return Some(self.judge(host, Answered::bad(Outcome::Failed, "no callback came")));
        }
        if now < self.paused_until {
            return None;
        }
        let (lease, version) = Lease::read(host, &self.keys.lease);
        // A time further off than the interval is another configuration's, which had a longer one.
        let is_time = now >= lease.ask_from || lease.ask_from.since(now) > self.longest_interval();
        let due = self.call.is_none() && is_time;
        let write = match lease.standing(self.me, now) {
            Standing::Others => return None,
            Standing::Free => true,
            Standing::Mine { renew } => renew || due,
        };
        let mut taken = lease.taken(self.me, now);
        if due {
            taken.ask_from = now + self.interval(host.random());
        }
        if write && taken.write(host, &self.keys.lease, version).is_err() {
            // Another VM was faster; its lease is seen at the next tick.
            return None;
        }
        if !due {
            return None;
        }
        match self.ask(host, now) {
            Ok(()) => {
                self.pause = FIRST_PAUSE;
                None
            }
            Err(refused) => {
                self.give_way(host, now, lease.ask_from);
                let complaint = format!("not asked: {refused}");
                Some(self.judge(host, Answered::bad(Outcome::Failed, complaint)))
            }
        }
    }

    /// Takes in the answer to a call; `None` where it is not to this poller's. It counts whoever
    /// holds the lease by now: a newer document is a newer document.
    pub fn answered(&mut self, host: &dyn Host, token: Token, answer: &Answer) -> Option<Answered> {
        self.call.take_if(|call| call.token == token)?;
        let answered = answer::take(host, &self.keys, answer);
        Some(self.judge(host, answered))
    }

    /// Returns the lease, if this poller holds it, so that another VM need not wait for its end.
    pub fn stop(&mut self, host: &dyn Host) {
        let (lease, version) = Lease::read(host, &self.keys.lease);
        if lease.holder == self.me {
            // Whoever wrote it in between has it now.
            let _ = lease.returned().write(host, &self.keys.lease, version);
        }
    }

    fn is_forgotten(&self, now: Moment) -> bool {
        let limit = self.config.wait + ANSWER_TIME + CALLBACK_TIME;
        self.call.is_some_and(|call| now.since(call.began) > limit)
    }

    fn ask(&mut self, host: &dyn Host, now: Moment) -> Result<(), CallRefused> {
        let etag = Head::read(host, &self.keys).and_then(|head| head.etag);
        let token = host.get(&Get {
            cluster: self.config.cluster.as_str(),
            authority: self.config.authority.as_str(),
            path: &self.path,
            etag: etag.as_ref().map(ETag::as_str),
            timeout: self.config.wait + ANSWER_TIME,
        })?;
        self.call = Some(Call { token, began: now });
        Ok(())
    }

    /// After a call that could not be sent: leaves the lease to a VM that perhaps can, and takes
    /// no part for a while. Nobody was asked, so the others may do so at once.
    fn give_way(&mut self, host: &dyn Host, now: Moment, ask_from: Moment) {
        let (lease, version) = Lease::read(host, &self.keys.lease);
        if lease.holder == self.me {
            let returned = Lease { ask_from, ..lease.returned() };
            // Whoever wrote it in between has it now.
            let _ = returned.write(host, &self.keys.lease, version);
        }
        self.paused_until = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// The time from one ask to the next: the interval and a random part of the jitter.
    fn interval(&self, random: u64) -> Duration {
        // 1,000 steps are fine enough: nobody can tell more of them apart at intervals of seconds.
        let step = u32::try_from(random % 1001).unwrap_or_default();
        self.config.min_interval + self.jitter() * step / 1000
    }

    fn longest_interval(&self) -> Duration {
        self.config.min_interval + self.jitter()
    }

    fn jitter(&self) -> Duration {
        self.config.min_interval * u32::from(self.config.jitter_percent) / 100
    }

    /// Logs what changes: the first of equal complaints, and the end of them.
    fn judge(&mut self, host: &dyn Host, answered: Answered) -> Answered {
        if answered.complaint != self.complaint {
            let cluster = &self.config.cluster;
            match &answered.complaint {
                Some(complaint) => {
                    host.log(Level::Warn, &format!("source \"{cluster}\": {complaint}"));
                }
                None => host.log(Level::Info, &format!("source \"{cluster}\" answers again")),
            }
            self.complaint.clone_from(&answered.complaint);
        }
        answered
    }
}
