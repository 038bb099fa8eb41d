//! The proxy-wasm ABI: the module's entry, and the traits of [`host`](crate::host) answered by the
//! proxy.
//!
//! The SDK's calls that turn bytes into text panic on bytes that are none, and a panic takes the
//! worker's VM down, so only its calls for bytes are used.

mod imports;

use core::time::Duration;
use std::cell::OnceCell;
use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel, MapType, MetricType, Status};

use crate::headers::HeaderBlock;
use crate::host::{
    Answer, CallRefused, Changed, Get, Host, Kind, Level, MetricId, Moment, RequestHeaders,
    ResponseHeaders, Shared, StreamEnd, Token, Version,
};
use crate::plugin::Plugin;
use crate::serving::Serving;
use crate::stream::{self, Marked};
use crate::vm::Vm;

thread_local! {
    static VM: OnceCell<Rc<Vm>> = const { OnceCell::new() };
}

proxy_wasm::main! {{
    // It also makes panics show in the proxy's log.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|root| {
        let vm = VM.with(|vm| Rc::clone(vm.get_or_init(|| Rc::new(Vm::new(&Proxy)))));
        Box::new(Root(Plugin::new(vm, root)))
    });
}}

struct Root(Plugin);

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        // A call that ended without an answer has no headers, and asking for one would panic.
        let header = |name| {
            let map = MapType::HttpCallResponseHeaders;
            if headers == 0 { None } else { hostcalls::get_map_value_bytes(map, name).ok()? }
        };
        let answer = Answer { status: header(":status"), etag: header("etag"), body_size };
        self.0.answered(&Proxy, Token(token), &answer);
    }

    fn on_done(&mut self) -> bool {
        self.0.done(&Proxy);
        true
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = match size {
            0 => None,
            size => hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten(),
        };
        self.0.configure(&Proxy, &bytes.unwrap_or_default())
    }

    fn on_tick(&mut self) {
        self.0.tick(&Proxy);
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        let (serving, vm) = (Rc::clone(self.0.serving()), Rc::clone(self.0.vm()));
        Some(Box::new(Stream { serving, vm, marked: Marked::default() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    serving: Rc<Serving>,
    vm: Rc<Vm>,
    marked: Marked,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.marked = stream::mark(&Request, &self.serving, self.vm.counts());
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        stream::respond(&Response, &core::mem::take(&mut self.marked.set_cookies));
        Action::Continue
    }

    fn on_log(&mut self) {
        if let Some(pending) = self.marked.pending.take() {
            stream::end(&Request, &self.serving, self.vm.counts(), &pending);
        }
    }
}

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
        let mut headers = vec![
            (":method", "GET"),
            (":path", get.path),
            (":authority", get.authority),
            ("accept", "application/json"),
            ("user-agent", concat!("serin-filter/", env!("CARGO_PKG_VERSION"))),
        ];
        headers.extend(get.etag.map(|etag| ("if-none-match", etag)));
        match hostcalls::dispatch_http_call(get.cluster, headers, None, Vec::new(), get.timeout) {
            Ok(token) => Ok(Token(token)),
            Err(Status::BadArgument) => Err(CallRefused::UnknownCluster),
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
