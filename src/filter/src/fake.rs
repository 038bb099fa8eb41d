//! A proxy for tests: several VMs with one clock, one set of shared data and one set of metrics.

mod stream;

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::headers::{HeaderBlock, encode};
use crate::host::{
    CallRefused, Changed, Get, Host, Kind, Level, MetricId, Moment, Shared, Token, Version,
};

pub(crate) use stream::{FakeEnd, FakeRequest, FakeResponse};

/// A call that a VM has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) vm: usize,
    pub(crate) token: Token,
    pub(crate) cluster: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) etag: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) at: Moment,
}

#[derive(Default)]
struct World {
    now: Moment,
    random: u64,
    vms: usize,
    writes: u32,
    shared: BTreeMap<String, (Vec<u8>, u32)>,
    properties: BTreeMap<String, String>,
    variables: BTreeMap<String, Vec<u8>>,
    metrics: Vec<(String, u64)>,
    metric_places: BTreeMap<(Kind, String), usize>,
    log: Vec<String>,
    sent: Vec<Sent>,
    tokens: u32,
    /// By VM: it cannot send calls, for that reason.
    mute: BTreeMap<usize, CallRefused>,
    body: Vec<u8>,
    before_share: Option<Box<dyn FnOnce()>>,
}

/// The proxy.
#[derive(Clone, Default)]
pub(crate) struct Proxy(Rc<RefCell<World>>);

impl Proxy {
    pub(crate) fn new() -> Self {
        let proxy = Self::default();
        proxy.0.borrow_mut().now = Moment::from_millis(1_000_000);
        proxy
    }

    pub(crate) fn vm(&self) -> FakeVm {
        let mut world = self.0.borrow_mut();
        world.vms += 1;
        FakeVm { number: world.vms - 1, world: Rc::clone(&self.0) }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let mut world = self.0.borrow_mut();
        world.now = world.now + time;
    }

    pub(crate) fn set_property(&self, path: &str, value: &str) {
        self.0.borrow_mut().properties.insert(path.to_owned(), value.to_owned());
    }

    /// Sets a variable of the environment of each of its VMs.
    pub(crate) fn set_variable(&self, name: &str, value: &str) {
        self.0.borrow_mut().variables.insert(name.to_owned(), value.into());
    }

    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let world = self.0.borrow();
        world.metrics.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The metrics whose name has all these parts, with their values.
    pub(crate) fn metrics(&self, parts: &[&str]) -> Vec<(String, u64)> {
        let world = self.0.borrow();
        let all = world.metrics.iter().cloned();
        all.filter(|(name, _)| parts.iter().all(|part| name.contains(part))).collect()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.0.borrow().log.clone()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.borrow().shared.keys().cloned().collect()
    }

    pub(crate) fn writes(&self) -> u32 {
        self.0.borrow().writes
    }

    pub(crate) fn spoil(&self, key: &str, value: &[u8]) {
        let mut world = self.0.borrow_mut();
        world.writes += 1;
        let version = world.writes;
        world.shared.insert(key.to_owned(), (value.to_vec(), version));
    }

    /// The calls sent since the last time this was asked.
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        core::mem::take(&mut self.0.borrow_mut().sent)
    }

    pub(crate) fn set_body(&self, body: &[u8]) {
        self.0.borrow_mut().body = body.to_vec();
    }

    pub(crate) fn mute(&self, vm: usize, reason: Option<CallRefused>) {
        let mute = &mut self.0.borrow_mut().mute;
        match reason {
            Some(reason) => mute.insert(vm, reason),
            None => mute.remove(&vm),
        };
    }

    pub(crate) fn before_next_share(&self, act: impl FnOnce() + 'static) {
        self.0.borrow_mut().before_share = Some(Box::new(act));
    }
}

/// One VM of a proxy.
#[derive(Clone)]
pub(crate) struct FakeVm {
    pub(crate) number: usize,
    world: Rc<RefCell<World>>,
}

impl FakeVm {
    /// The proxy's log.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.world.borrow().log.clone()
    }
}

impl Host for FakeVm {
    fn now(&self) -> Moment {
        self.world.borrow().now
    }

    fn random(&self) -> u64 {
        let world = &mut *self.world.borrow_mut();
        // A linear congruential generator (Knuth's MMIX constants).
        world.random = world.random.wrapping_mul(6_364_136_223_846_793_005);
        world.random = world.random.wrapping_add(1_442_695_040_888_963_407);
        world.random >> 16
    }

    fn set_tick_period(&self, _: Duration) {}

    fn log(&self, _: Level, line: &str) {
        self.world.borrow_mut().log.push(line.to_owned());
    }

    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        self.world.borrow().variables.get(name).cloned()
    }

    fn property(&self, path: &str) -> Option<String> {
        self.world.borrow().properties.get(&path.replace('\0', ".")).cloned()
    }

    fn shared(&self, key: &str) -> Shared {
        let world = self.world.borrow();
        let (value, version) = world
            .shared
            .get(key)
            .map_or((Vec::new(), Version::ABSENT), |(v, n)| (v.clone(), Version::from_abi(*n)));
        Shared { value, version }
    }

    fn share(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Changed> {
        let before = self.world.borrow_mut().before_share.take();
        if let Some(act) = before {
            act();
        }
        let world = &mut *self.world.borrow_mut();
        let present = world.shared.get(key).map(|(_, version)| Version::from_abi(*version));
        // As hosts do it: the version is compared only where there is a value.
        if let (Some(expected), Some(present)) = (expected, present)
            && expected != present
        {
            return Err(Changed);
        }
        world.writes += 1;
        world.shared.insert(key.to_owned(), (value.to_vec(), world.writes));
        Ok(())
    }

    fn get(&self, get: &Get<'_>) -> Result<Token, CallRefused> {
        let world = &mut *self.world.borrow_mut();
        if let Some(refused) = world.mute.get(&self.number) {
            return Err(*refused);
        }
        world.tokens += 1;
        let token = Token(world.tokens);
        world.sent.push(Sent {
            vm: self.number,
            token,
            cluster: get.cluster.to_owned(),
            authority: get.authority.to_owned(),
            path: get.path.to_owned(),
            etag: get.etag.map(str::to_owned),
            timeout: get.timeout,
            at: world.now,
        });
        Ok(token)
    }

    fn answer_body(&self, size: usize) -> Vec<u8> {
        self.world.borrow().body.iter().take(size).copied().collect()
    }

    fn define(&self, kind: Kind, name: &str) -> MetricId {
        let World { metrics, metric_places, .. } = &mut *self.world.borrow_mut();
        let place = *metric_places.entry((kind, name.to_owned())).or_insert_with(|| {
            metrics.push((name.to_owned(), 0));
            metrics.len() - 1
        });
        MetricId(u32::try_from(place).unwrap())
    }

    fn record(&self, metric: MetricId, value: u64) {
        self.world.borrow_mut().metrics[metric.0 as usize].1 = value;
    }

    fn increment(&self, metric: MetricId, by: u64) {
        self.world.borrow_mut().metrics[metric.0 as usize].1 += by;
    }
}

/// Headers as a proxy hands them over.
pub(crate) fn block(headers: &[(&str, &[u8])]) -> HeaderBlock {
    HeaderBlock::new(encode(headers))
}
