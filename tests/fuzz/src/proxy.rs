//! A proxy with one worker, for the filter's logic.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use serin_document::Revision;
use serin_filter::headers::HeaderBlock;
use serin_filter::host::{
    Answer, CallRefused, Changed, Get, Host, Kind, Level, MetricId, Moment, RequestHeaders, Shared,
    Token, Version,
};
use serin_filter::plugin::Plugin;
use serin_filter::stream;
use serin_filter::vm::Vm;
use serin_oracle::Request;

/// The proxy's side.
#[derive(Default)]
struct Proxy {
    now: Cell<u64>,
    shared: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    calls: Cell<u32>,
    body: RefCell<Vec<u8>>,
    metrics: Cell<u32>,
}

impl Host for Proxy {
    fn now(&self) -> Moment {
        Moment::from_millis(self.now.get())
    }

    fn random(&self) -> u64 {
        7
    }

    fn set_tick_period(&self, _: Duration) {}

    fn log(&self, _: Level, line: &str) {
        assert!(!line.contains('\n'), "a line is one line: {line:?}");
    }

    fn variable(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn property(&self, _: &str) -> Option<String> {
        None
    }

    fn shared(&self, key: &str) -> Shared {
        let known = self.shared.borrow();
        let known =
            known.get(key).map(|(value, number)| (value.clone(), Version::from_abi(*number)));
        let (value, version) = known.unwrap_or((Vec::new(), Version::ABSENT));
        Shared { value, version }
    }

    fn share(&self, key: &str, value: &[u8], _: Option<Version>) -> Result<(), Changed> {
        let mut shared = self.shared.borrow_mut();
        let number = shared.get(key).map_or(0, |(_, number)| *number) + 1;
        shared.insert(key.to_owned(), (value.to_vec(), number));
        Ok(())
    }

    fn get(&self, _: &Get<'_>) -> Result<Token, CallRefused> {
        self.calls.set(self.calls.get() + 1);
        Ok(Token(self.calls.get()))
    }

    fn answer_body(&self, size: usize) -> Vec<u8> {
        self.body.borrow().iter().take(size).copied().collect()
    }

    fn define(&self, _: Kind, _: &str) -> MetricId {
        self.metrics.set(self.metrics.get() + 1);
        MetricId(self.metrics.get())
    }

    fn record(&self, _: MetricId, _: u64) {}

    fn increment(&self, _: MetricId, _: u64) {}
}

/// A worker with its proxy.
pub(crate) struct Lab {
    proxy: Proxy,
    vm: Rc<Vm>,
    plugin: Plugin,
}

impl Lab {
    /// One without a configuration.
    pub(crate) fn new() -> Self {
        let proxy = Proxy::default();
        proxy.now.set(1_000_000);
        let vm = Rc::new(Vm::new(&proxy));
        let plugin = Plugin::new(Rc::clone(&vm), 1);
        Self { proxy, vm, plugin }
    }

    /// One with a document.
    pub(crate) fn with(document: &str) -> Self {
        let mut lab = Self::new();
        assert!(lab.configure(document.as_bytes()), "{document}");
        lab
    }

    /// Whether a configuration is taken.
    pub(crate) fn configure(&mut self, bytes: &[u8]) -> bool {
        self.plugin.configure(&self.proxy, bytes)
    }

    /// Lets a tick's time pass.
    pub(crate) fn tick(&mut self) {
        self.proxy.now.set(self.proxy.now.get() + 100);
        self.plugin.tick(&self.proxy);
    }

    /// Lets so much time pass that the source is asked again.
    pub(crate) fn pass_a_minute(&mut self) {
        self.proxy.now.set(self.proxy.now.get() + 60_000);
        self.tick();
    }

    /// Answers the last call.
    pub(crate) fn answer(&mut self, answer: &Answer, body: &[u8]) {
        self.proxy.body.replace(body.to_vec());
        self.plugin.answered(&self.proxy, Token(self.proxy.calls.get()), answer);
        self.tick();
    }

    /// The revision of the document in force.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.plugin.serving().document().revision()
    }

    /// Marks a request.
    pub(crate) fn mark(&self, request: &Request) -> Passed {
        let sent = Sent { request, headers: RefCell::new(request.headers.clone()) };
        let marked = stream::mark(&sent, self.plugin.serving(), self.vm.counts());
        Passed { headers: sent.headers.into_inner(), set_cookies: marked.set_cookies }
    }
}

/// What a request has become.
pub(crate) struct Passed {
    /// Its headers as they go upstream.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// What the response sets.
    pub(crate) set_cookies: Vec<String>,
}

/// A request on its way.
struct Sent<'a> {
    request: &'a Request,
    headers: RefCell<Vec<(String, Vec<u8>)>>,
}

impl RequestHeaders for Sent<'_> {
    fn all(&self) -> HeaderBlock {
        let headers = self.headers.borrow();
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = number(headers.len()).to_vec();
        for (name, value) in headers.iter() {
            bytes.extend(number(name.len()));
            bytes.extend(number(value.len()));
        }
        for text in headers.iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
        HeaderBlock::new(bytes)
    }

    fn add(&self, name: &str, value: &[u8]) {
        self.headers.borrow_mut().push((name.to_owned(), value.into()));
    }

    fn set(&self, name: &str, value: &[u8]) {
        self.remove(name);
        self.headers.borrow_mut().push((name.to_owned(), value.into()));
    }

    fn remove(&self, name: &str) {
        self.headers.borrow_mut().retain(|(known, _)| known != name);
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        self.request.properties.get(&path.replace('\0', ".")).cloned()
    }

    fn tell(&self, _: &str, _: &str) {}

    fn random(&self) -> [u8; 16] {
        self.request.random
    }

    fn time_of_day(&self) -> Duration {
        self.request.now
    }
}
