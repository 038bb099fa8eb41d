//! Where a plugin gets its document, and how often it asks.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::str::FromStr;
use core::time::Duration;

use crate::checked::{Checked, Word, checked_text, is_made_of, keep, word};
use crate::digits::decimal;
use crate::names::short_hash;
use crate::reading::Reading;
use crate::{Invalid, duration};

const FIELDS: &str = "cluster, authority, path, wait, minInterval, jitter, staleAfter, whenStale";

/// The longest that a source is asked to hold a request: proxies and balancers in between cut idle
/// streams from a minute on.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// The shortest time between two questions: as often as a worker looks for news.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// The name of a cluster that Envoy knows, such as `serin` or
/// `outbound|7316||serin.serin-system.svc.cluster.local`: 1 to 512 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterName(Arc<str>);

impl ClusterName {
    const RULE: &str = "a cluster's name is 1 to 512 printable ASCII characters without spaces, such as serin, as Envoy's configuration has it";

    fn check(text: &str) -> Checked<'_> {
        let fits = (1..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        keep(text, fits, Self::RULE)
    }
}

/// What a question carries as `:authority`: a host, with or without port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority(Arc<str>);

impl Authority {
    const RULE: &str = "an authority is a host with or without port, 1 to 260 bytes, such as serin.serin-system.svc:7316";

    fn check(text: &str) -> Checked<'_> {
        keep(text, is_made_of(text, 260, b"-._:[]"), Self::RULE)
    }
}

/// The path of the document at the source, without query (the wait is added to it).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourcePath(Arc<str>);

impl SourcePath {
    const RULE: &str = "a source's path starts with '/' and has at most 1024 printable ASCII characters without '?' and '#', such as /v1/assignment";

    fn check(text: &str) -> Checked<'_> {
        let fits = text.starts_with('/')
            && text.len() <= 1024
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
        keep(text, fits, Self::RULE)
    }
}

checked_text!(ClusterName);
checked_text!(Authority);
checked_text!(SourcePath);

/// What becomes of requests once the source has been silent for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenStale {
    /// The last document goes on.
    #[default]
    Keep,
    /// Nothing is marked any more: the route's own weights decide.
    Unmarked,
}

impl Word for WhenStale {
    const ALL: &'static [Self] = &[Self::Keep, Self::Unmarked];
    const WORDS: &'static [&'static str] = &["keep", "unmarked"];
    const RULE: &'static str = "a stale source means \"keep\" (the last document goes on) or \"unmarked\"; there is no \"stable\", since at 100% stable may be gone";
}

impl FromStr for WhenStale {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        word(text)
    }
}

/// A source of documents. Fields other than these keep to their ranges when read by
/// [`parse`](crate::plugin::parse).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// The cluster by which Envoy reaches it.
    pub cluster: ClusterName,
    /// What the questions carry as `:authority`; default `serin`.
    pub authority: Authority,
    /// The document's path; default `/v1/assignment`.
    pub path: SourcePath,
    /// How long the source may hold an answer while nothing changes, 0 to 60 s; default 25 s.
    pub wait: Duration,
    /// The shortest time between the beginnings of two questions, from 100 ms; default 1 s.
    pub min_interval: Duration,
    /// How much longer than that it may be at random, in percent of it, 0 to 100; default 20. So
    /// proxies that started together don't ask together for ever.
    pub jitter_percent: u8,
    /// How long the source may be silent before what it said is stale; default 5 min.
    pub stale_after: Duration,
    /// What happens then.
    pub when_stale: WhenStale,
}

impl SourceConfig {
    /// How long the source may hold an answer where nothing else is said.
    pub const WAIT: Duration = Duration::from_secs(25);
    /// The shortest time between two questions where nothing else is said.
    pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
    /// How much longer it may be, in percent, where nothing else is said.
    pub const JITTER_PERCENT: u8 = 20;
    /// How long the source may be silent where nothing else is said.
    pub const STALE_AFTER: Duration = Duration::from_mins(5);
    /// The document's path where nothing else is said.
    pub const PATH: &str = "/v1/assignment";

    /// 8 lower-case hexadecimal digits that name this source among those of one proxy: the hash of
    /// cluster, authority and path. How often it is asked makes no other source of it, so a change
    /// of that goes on with the document that is there.
    #[must_use]
    pub fn key_hash(&self) -> String {
        // None of the three holds a line end.
        short_hash(format!("{}\n{}\n{}", self.cluster, self.authority, self.path).as_bytes())
    }
}

pub(super) fn read(reading: &mut Reading<'_>) -> Option<SourceConfig> {
    reading.open();
    let cluster = reading.required_text("cluster", ClusterName::RULE);
    let authority = reading.optional_text("authority");
    let path = reading.optional_text("path");
    let wait = time(reading, "wait", SourceConfig::WAIT, &|wait| {
        if wait <= MAX_WAIT { None } else { Some("the wait is 0s to 60s") }
    });
    let min_interval = time(reading, "minInterval", SourceConfig::MIN_INTERVAL, &|interval| {
        if interval >= LEAST_INTERVAL { None } else { Some("the interval is at least 100ms") }
    });
    let jitter = reading.optional("jitter", |reading| reading.parsed(percent));
    let jitter_percent = jitter.unwrap_or(SourceConfig::JITTER_PERCENT);
    // A question that is held to its end must not count as silence.
    let interval = min_interval.saturating_mul(100 + u32::from(jitter_percent)) / 100;
    let longest = wait.saturating_add(interval);
    let stale_after = time(reading, "staleAfter", SourceConfig::STALE_AFTER, &|stale| {
        if stale > longest {
            None
        } else {
            Some("the stale time is longer than wait plus interval plus jitter")
        }
    });
    let when_stale = reading.optional_word("whenStale");
    reading.close(&FIELDS);
    Some(SourceConfig {
        cluster: cluster?,
        authority: authority.unwrap_or_else(|| Authority("serin".into())),
        path: path.unwrap_or_else(|| SourcePath(SourceConfig::PATH.into())),
        wait,
        min_interval,
        jitter_percent,
        stale_after,
        when_stale: when_stale.unwrap_or_default(),
    })
}

/// A duration that may be absent; `broken` names the rule that a value breaks.
fn time(
    reading: &mut Reading<'_>,
    name: &'static str,
    default: Duration,
    broken: &dyn Fn(Duration) -> Option<&'static str>,
) -> Duration {
    let given = reading.optional(name, |reading| {
        reading.parsed(|text| {
            let given = duration::parse(text)?;
            broken(given).map_or(Ok(given), |rule| Err(Invalid::new(text, rule)))
        })
    });
    if given.is_none()
        && let Some(rule) = broken(default)
    {
        let rule = format!("{rule}, which the default of {} is not", duration::format(default));
        reading.lacks(name, &rule);
    }
    given.unwrap_or(default)
}

/// A whole percentage, 0 to 100.
fn percent(text: &str) -> Result<u8, Invalid> {
    const RULE: &str = "the jitter is a whole percentage from 0% to 100%, such as 20%";
    text.strip_suffix('%')
        .and_then(decimal)
        .and_then(|percent| u8::try_from(percent).ok())
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| Invalid::new(text, RULE))
}
