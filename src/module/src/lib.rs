//! The proxy-wasm ABI: the module's entry, and the traits of [`host`](serin_filter::host) answered
//! by the proxy.
//!
//! It does without the SDK, whose calls panic on bytes that are no text and on statuses that they
//! don't expect: a panic takes the worker's VM down. Nor would its dispatcher be of use;
//! [`contexts`](serin_filter::contexts) says why.

#![cfg(target_arch = "wasm32")]
#![no_std]

extern crate alloc;

mod alone;
mod callbacks;
mod imports;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serin_filter::headers::{HeaderBlock, encode};
use serin_filter::host::{
    CallRefused, Changed, Get, Host, Kind, Level, MetricId, Moment, RequestHeaders,
    ResponseHeaders, Shared, StreamEnd, Token, Version,
};

use imports::{Buffer, Map};

/// Small: the standard library's would make the module 11 kB larger.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// The request whose callback is running.
struct Request;

impl RequestHeaders for Request {
    fn all(&self) -> HeaderBlock {
        HeaderBlock::new(imports::request_headers())
    }

    fn add(&self, name: &str, value: &[u8]) {
        imports::add_header(Map::Request, name, value);
    }

    fn set(&self, name: &str, value: &[u8]) {
        imports::set_header(Map::Request, name, value);
    }

    fn remove(&self, name: &str) {
        imports::remove_header(Map::Request, name);
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        imports::property(path)
    }

    fn tell(&self, key: &str, text: &str) {
        imports::set_property(key, text.as_bytes());
    }

    fn random(&self) -> [u8; 16] {
        imports::random()
    }

    fn time_of_day(&self) -> Duration {
        imports::time_of_day()
    }
}

/// The headers, or the trailers, of the response whose callback is running.
struct Response(Map);

impl ResponseHeaders for Response {
    fn add(&self, name: &str, value: &str) {
        imports::add_header(self.0, name, value.as_bytes());
    }

    fn grpc_status(&self) -> Option<u64> {
        str::from_utf8(&imports::header(self.0, "grpc-status")?).ok()?.parse().ok()
    }
}

impl StreamEnd for Request {
    fn flags(&self) -> u64 {
        number("response\0flags").unwrap_or_default()
    }

    fn code(&self) -> Option<u64> {
        number("response\0code")
    }

    fn grpc_status(&self) -> Option<u64> {
        number("response\0grpc_status")
    }

    fn duration(&self) -> Option<Duration> {
        number("request\0duration").map(Duration::from_nanos)
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        imports::property("xds\0cluster_name")
    }
}

/// A property that is a number: eight bytes, the lowest first.
fn number(path: &str) -> Option<u64> {
    Some(u64::from_le_bytes(imports::property(path)?.try_into().ok()?))
}

/// The proxy itself.
struct Proxy;

impl Host for Proxy {
    fn now(&self) -> Moment {
        Moment::from_millis(imports::monotonic_milliseconds())
    }

    fn random(&self) -> u64 {
        u64::from_ne_bytes(imports::random())
    }

    fn set_tick_period(&self, period: Duration) {
        imports::set_tick_period(period);
    }

    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        imports::log(level, line);
    }

    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        imports::variable(name)
    }

    fn property(&self, path: &str) -> Option<String> {
        String::from_utf8(imports::property(path)?).ok()
    }

    fn shared(&self, key: &str) -> Shared {
        let (value, version) = imports::shared(key);
        let version = if version == 0 { Version::ABSENT } else { Version::from_abi(version) };
        Shared { value, version }
    }

    fn share(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Changed> {
        let version = expected.map_or(0, Version::to_abi);
        if imports::share(key, value, version) { Ok(()) } else { Err(Changed) }
    }

    fn get(&self, get: &Get<'_>) -> Result<Token, CallRefused> {
        let own = [
            (":method", &b"GET"[..]),
            (":path", get.path.as_bytes()),
            (":authority", get.authority.as_bytes()),
            ("accept", b"application/json"),
            ("user-agent", concat!("serin-filter/", env!("CARGO_PKG_VERSION")).as_bytes()),
        ];
        let etag = get.etag.map(|etag| ("if-none-match", etag.as_bytes()));
        let headers: Vec<_> = own.into_iter().chain(etag).collect();
        match imports::http_call(get.cluster, &encode(&headers), get.timeout) {
            Ok(token) => Ok(Token(token)),
            Err(imports::BAD_ARGUMENT) => Err(CallRefused::UnknownCluster),
            Err(_) => Err(CallRefused::NoHost),
        }
    }

    fn answer_body(&self, size: usize) -> Vec<u8> {
        imports::buffer(Buffer::AnswerBody, size)
    }

    fn define(&self, kind: Kind, name: &str) -> MetricId {
        let kind = match kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
        };
        MetricId(imports::define_metric(kind, name))
    }

    fn record(&self, metric: MetricId, value: u64) {
        imports::record_metric(metric.0, value);
    }

    fn increment(&self, metric: MetricId, by: u64) {
        imports::increment_metric(metric.0, by);
    }
}
