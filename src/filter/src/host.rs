//! All that the filter asks of the proxy.
//!
//! The logic is written against these traits; the module answers them inside a proxy, a fake in tests.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Add;
use core::time::Duration;

use crate::headers::HeaderBlock;

/// A point on the proxy's monotonic clock, in milliseconds.
///
/// All VMs of one process read the same clock, and it never goes back: leases and ages that VMs
/// tell each other through shared data need both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The moment so many milliseconds after the clock's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero where that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// How loud a line in the proxy's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something came to rights again.
    Info,
    /// Something is wrong, and what was in force goes on.
    Warn,
    /// A configuration was refused.
    Error,
}

/// Which write of a shared value a reader saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(u32);

impl Version {
    /// The version of a value that nobody has written yet.
    ///
    /// In the ABI zero means "write whatever is there", and any number that is not the present
    /// one lets a first write pass and refuses a later one. Hosts count versions up from 1, so
    /// the largest number never is the present one.
    pub const ABSENT: Self = Self(u32::MAX);

    /// The version with the ABI's number.
    #[must_use]
    pub const fn from_abi(number: u32) -> Self {
        Self(number)
    }

    /// The ABI's number.
    #[must_use]
    pub const fn to_abi(self) -> u32 {
        self.0
    }
}

/// A value in shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Its bytes; empty where nobody has written it.
    pub value: Vec<u8>,
    /// The version of these bytes.
    pub version: Version,
}

/// Somebody else wrote the value since it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed;

/// A GET that the proxy sends to one of its clusters.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// `:authority`.
    pub authority: &'a str,
    /// `:path`.
    pub path: &'a str,
    /// `if-none-match`, where there is one.
    pub etag: Option<&'a str>,
    /// After this the proxy gives up.
    pub timeout: Duration,
}

/// Tells the answers to several calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u32);

/// What came back from a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// `:status`; none where no answer came, in time or at all.
    pub status: Option<Vec<u8>>,
    /// `etag`.
    pub etag: Option<Vec<u8>>,
    /// The body's size in bytes; the body itself is read by [`Host::answer_body`].
    pub body_size: usize,
}

/// The proxy did not send a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefused {
    /// It knows no cluster of that name (yet).
    UnknownCluster,
    /// The cluster has no host to send it to.
    NoHost,
}

impl fmt::Display for CallRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCluster => "the proxy knows no cluster of that name",
            Self::NoHost => "the cluster has no host",
        })
    }
}

/// The kinds of metrics in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Is set.
    Gauge,
}

/// A metric that the proxy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricId(pub u32);

/// The proxy as a VM sees it outside of requests: seldom asked, so never generic code.
pub trait Host {
    /// The monotonic clock.
    fn now(&self) -> Moment;
    /// Random bits, different in each VM.
    fn random(&self) -> u64;
    /// Asks for a tick every so often.
    fn set_tick_period(&self, period: Duration);
    /// Writes a line to the proxy's log.
    fn log(&self, level: Level, line: &str);
    /// A variable of the VM's environment; `None` where it is not set.
    fn variable(&self, name: &str) -> Option<Vec<u8>>;
    /// A property as text by the parts of its path, with a zero byte between them, such as
    /// `xds\0node\0id`; `None` where it is absent or no UTF-8.
    fn property(&self, path: &str) -> Option<String>;

    /// Reads a value that the proxy's VMs share.
    fn shared(&self, key: &str) -> Shared;
    /// Writes a shared value; with `expected`, only if it has not changed since.
    ///
    /// # Errors
    /// [`Changed`] where `expected` is not the version that is there.
    fn share(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Changed>;

    /// Sends a GET; the answer comes by a callback.
    ///
    /// # Errors
    /// [`CallRefused`] where nothing was sent and no callback will come.
    fn get(&self, get: &Get<'_>) -> Result<Token, CallRefused>;
    /// The first `size` bytes of the body of the answer that the present callback is about.
    fn answer_body(&self, size: usize) -> Vec<u8>;

    /// Makes a metric known to the proxy; the same name gives the same metric in every VM.
    fn define(&self, kind: Kind, name: &str) -> MetricId;
    /// Sets a gauge.
    fn record(&self, metric: MetricId, value: u64);
    /// Adds to a counter.
    fn increment(&self, metric: MetricId, by: u64);
}

/// What the proxy knows of a request once its stream has ended. Each value is asked for when it is
/// read.
pub trait StreamEnd {
    /// The flags that say how the stream ended, in the order of Envoy's `CoreResponseFlag`.
    fn flags(&self) -> u64;
    /// The HTTP status; none where the stream ended before there was one.
    fn code(&self) -> Option<u64>;
    /// The status of gRPC of a stream whose answer had none: made up from the HTTP status, as an
    /// error where that one is good.
    fn grpc_status(&self) -> Option<u64>;
    /// The time from the request's first byte to the end.
    fn duration(&self) -> Option<Duration>;
    /// The name of the cluster to which the request was routed; none where the proxy itself
    /// answered.
    fn cluster(&self) -> Option<Vec<u8>>;
}

/// The request at hand, and what the proxy knows of it. Each is a call to the proxy.
pub trait RequestHeaders {
    /// All headers, read at once: that costs no more than one header read by itself.
    fn all(&self) -> HeaderBlock;
    /// Adds a header of which there is none yet: a proxy that isn't asked to replace any need not look
    /// for it.
    fn add(&self, name: &str, value: &[u8]);
    /// Sets a header in place of all of that name.
    fn set(&self, name: &str, value: &[u8]);
    /// Removes all headers of a name.
    fn remove(&self, name: &str);
    /// A property by the parts of its path, with a zero byte between them; `None` where it is
    /// absent.
    fn property(&self, path: &str) -> Option<Vec<u8>>;
    /// Keeps a text with the stream, where the proxy's access logs and traces find it.
    fn tell(&self, key: &str, text: &str);
    /// Random bytes, fit for ids that nobody is to guess.
    fn random(&self) -> [u8; 16];
    /// The time of day, as the time since 1970.
    fn time_of_day(&self) -> Duration;
}

/// The headers of the response at hand, or its trailers.
pub trait ResponseHeaders {
    /// Adds a header beside those of the same name.
    fn add(&self, name: &str, value: &str);
    /// The status of gRPC among them; none where there is none.
    fn grpc_status(&self) -> Option<u64>;
}
