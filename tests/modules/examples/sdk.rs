//! The same job as `raw`, as the SDK's examples suggest to write it: a context for each request,
//! each header asked for by itself and as text.

#![cfg(target_arch = "wasm32")]
#![expect(missing_docs, reason = "the SDK's macro has no words for the function it makes")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

const HOST: &str = "shop.example.com";
const SALT: &str = "shop";
const CANARY_BUCKETS: u64 = 5_000;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream;

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if self.get_http_request_header(":authority").as_deref() == Some(HOST)
            && let Some(id) = self.get_http_request_header("x-user-id")
        {
            let key = format!("{SALT}:{id}");
            let hash = murmur3::murmur3_32(&mut key.as_bytes(), 0).unwrap_or_default();
            let bucket = (u64::from(hash) * 10_000) >> 32;
            let mark = if bucket < CANARY_BUCKETS { "canary" } else { "stable" };
            self.set_http_request_header("x-serin-variant", Some(mark));
        }
        Action::Continue
    }
}
