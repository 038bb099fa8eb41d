//! The proxy-wasm ABI: the module's entry, and the traits of [`host`](crate::host) answered by the
//! proxy.
//!
//! The SDK's calls that turn bytes into text panic on bytes that are none, and a panic takes the
//! worker's VM down, so only its calls for bytes are used. Its dispatcher is left out:
//! [`contexts`](crate::contexts) says why.

mod callbacks;
mod imports;

use core::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType, Status};

use crate::headers::{HeaderBlock, encode};
use crate::host::{
    CallRefused, Changed, Get, Host, Kind, Level, MetricId, Moment, RequestHeaders,
    ResponseHeaders, Shared, StreamEnd, Token, Version,
};

/// The request whose callback is running.
struct Request;

impl RequestHeaders for Request {
    fn all(&self) -> HeaderBlock {
        HeaderBlock::new(imports::request_headers())
    }

    fn set(&self, name: &str, value: &[u8]) {
        // The SDK returns no error here.
        let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value));
    }

    fn remove(&self, name: &str) {
        // The SDK returns no error here.
        let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
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

/// The response whose callback is running.
struct Response;

impl ResponseHeaders for Response {
    fn add(&self, name: &str, value: &str) {
        let value = value.as_bytes();
        // The SDK returns no error here.
        let _ = hostcalls::add_map_value_bytes(MapType::HttpResponseHeaders, name, value);
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
        // The SDK returns no error here.
        let _ = hostcalls::set_tick_period(period);
    }

    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        // The SDK returns no error here.
        let _ = hostcalls::log(level, line);
    }

    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        imports::variable(name)
    }

    fn property(&self, path: &[&str]) -> Option<String> {
        String::from_utf8(imports::property(&path.join("\0"))?).ok()
    }

    fn shared(&self, key: &str) -> Shared {
        let (value, version) = hostcalls::get_shared_data(key).unwrap_or_default();
        Shared {
            value: value.unwrap_or_default(),
            version: version.map_or(Version::ABSENT, Version::from_abi),
        }
    }

    fn share(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Changed> {
        let version = expected.map(Version::to_abi);
        hostcalls::set_shared_data(key, Some(value), version).map_err(|_| Changed)
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
            Err(status) if status == Status::BadArgument as u32 => Err(CallRefused::UnknownCluster),
            Err(_) => Err(CallRefused::NoHost),
        }
    }

    fn answer_body(&self, size: usize) -> Vec<u8> {
        let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size);
        body.ok().flatten().unwrap_or_default()
    }

    fn define(&self, kind: Kind, name: &str) -> MetricId {
        let kind = match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        // The SDK returns no error here.
        MetricId(hostcalls::define_metric(kind, name).unwrap_or_default())
    }

    fn record(&self, metric: MetricId, value: u64) {
        // It is a metric that was defined, so there is no error.
        let _ = hostcalls::record_metric(metric.0, value);
    }

    fn increment(&self, metric: MetricId, by: u64) {
        // It is a metric that was defined, so there is no error.
        let _ = hostcalls::increment_metric(metric.0, i64::try_from(by).unwrap_or(i64::MAX));
    }
}
