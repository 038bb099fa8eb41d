//! One stream of the fake proxy: its request, its response, its end.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeMap;

use super::block;
use crate::headers::HeaderBlock;
use crate::host::{RequestHeaders, ResponseHeaders, StreamEnd};

/// A request that notes what is done to its headers and what else of it is asked for.
#[derive(Default)]
pub(crate) struct FakeRequest {
    headers: RefCell<Vec<(String, Vec<u8>)>>,
    writes: RefCell<Vec<String>>,
    asked: RefCell<Vec<String>>,
    told: RefCell<Vec<String>>,
    reads: Cell<usize>,
    /// By the parts of their paths with dots between them.
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    pub(crate) random: [u8; 16],
    pub(crate) time_of_day: Duration,
}

impl FakeRequest {
    /// A request with these headers, and with the path `/` where they have none.
    pub(crate) fn new(headers: &[(&str, &[u8])]) -> Self {
        let has_path = headers.iter().any(|(name, _)| *name == ":path");
        let path: &[(&str, &[u8])] = if has_path { &[] } else { &[(":path", b"/")] };
        let all: Vec<(&str, &[u8])> = path.iter().chain(headers).copied().collect();
        Self::exactly(&all)
    }

    /// A request with these headers and no other.
    pub(crate) fn exactly(headers: &[(&str, &[u8])]) -> Self {
        let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        Self { headers: RefCell::new(owned.collect()), ..Self::default() }
    }

    /// All headers as they are now.
    pub(crate) fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.headers.borrow().clone()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let headers = self.headers.borrow();
        let found = headers.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// What was written, in order: `name=value`, `-name`.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.writes.borrow().clone()
    }

    /// What was told to access logs and traces, in order: `key: text`.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }

    /// What was asked of the proxy beside the headers, in order: a property's path, `random`,
    /// `time-of-day`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// How many calls to the proxy it took.
    pub(crate) fn calls(&self) -> usize {
        let others = [&self.writes, &self.asked, &self.told].map(|calls| calls.borrow().len());
        self.reads.get() + others.iter().sum::<usize>()
    }
}

impl RequestHeaders for FakeRequest {
    fn all(&self) -> HeaderBlock {
        self.reads.set(self.reads.get() + 1);
        let headers = self.headers.borrow();
        let pairs: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        block(&pairs)
    }

    fn add(&self, name: &str, value: &[u8]) {
        assert!(self.values(name).is_empty(), "{name} is there already");
        self.set(name, value);
    }

    fn set(&self, name: &str, value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        self.writes.borrow_mut().push(format!("{name}={text}"));
        let mut headers = self.headers.borrow_mut();
        headers.retain(|(known, _)| known != name);
        headers.push((name.to_owned(), value.to_vec()));
    }

    fn remove(&self, name: &str) {
        self.writes.borrow_mut().push(format!("-{name}"));
        self.headers.borrow_mut().retain(|(known, _)| known != name);
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        let path = path.replace('\0', ".");
        let value = self.properties.get(&path).cloned();
        self.asked.borrow_mut().push(path);
        value
    }

    fn tell(&self, key: &str, text: &str) {
        self.told.borrow_mut().push(format!("{key}: {text}"));
    }

    fn random(&self) -> [u8; 16] {
        self.asked.borrow_mut().push("random".to_owned());
        self.random
    }

    fn time_of_day(&self) -> Duration {
        self.asked.borrow_mut().push("time-of-day".to_owned());
        self.time_of_day
    }
}

/// A response that notes what is added to it and how often its status is asked for.
#[derive(Default)]
pub(crate) struct FakeResponse {
    added: RefCell<Vec<String>>,
    grpc_status: Option<u64>,
    asked: Cell<usize>,
}

impl FakeResponse {
    /// A response, or its trailers, with this status of gRPC.
    pub(crate) fn of_grpc(grpc_status: Option<u64>) -> Self {
        Self { grpc_status, ..Self::default() }
    }

    /// What was added, in order: `name: value`.
    pub(crate) fn added(&self) -> Vec<String> {
        self.added.borrow().clone()
    }

    /// How many calls to the proxy it took.
    pub(crate) fn calls(&self) -> usize {
        self.added.borrow().len() + self.asked.get()
    }
}

impl ResponseHeaders for FakeResponse {
    fn add(&self, name: &str, value: &str) {
        self.added.borrow_mut().push(format!("{name}: {value}"));
    }

    fn grpc_status(&self) -> Option<u64> {
        self.asked.set(self.asked.get() + 1);
        self.grpc_status
    }
}

/// A stream that has ended, and notes what of it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeEnd {
    pub(crate) flags: u64,
    pub(crate) code: Option<u64>,
    pub(crate) grpc_status: Option<u64>,
    pub(crate) duration: Option<Duration>,
    pub(crate) cluster: Option<&'static str>,
    pub(crate) read: RefCell<Vec<&'static str>>,
}

impl FakeEnd {
    /// What was read, in order.
    pub(crate) fn read(&self) -> Vec<&'static str> {
        self.read.borrow().clone()
    }

    fn note(&self, what: &'static str) {
        self.read.borrow_mut().push(what);
    }
}

impl StreamEnd for FakeEnd {
    fn flags(&self) -> u64 {
        self.note("flags");
        self.flags
    }

    fn code(&self) -> Option<u64> {
        self.note("code");
        self.code
    }

    fn grpc_status(&self) -> Option<u64> {
        self.note("grpc_status");
        self.grpc_status
    }

    fn duration(&self) -> Option<Duration> {
        self.note("duration");
        self.duration
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.note("cluster");
        self.cluster.map(Into::into)
    }
}
