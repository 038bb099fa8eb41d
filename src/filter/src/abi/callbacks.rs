//! What the proxy calls. The build gives each `serin_on_…` the name `proxy_on_…`, in the place of
//! the SDK's own callback, and takes those out that have none here.

#![expect(unsafe_code, reason = "a function that the proxy calls needs its name kept")]

use core::cell::RefCell;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, BufferType, LogLevel, MapType};

use super::{Proxy, Request, Response};
use crate::contexts::Contexts;
use crate::host::{Answer, Token};

thread_local! {
    static CONTEXTS: RefCell<Contexts> = const { RefCell::new(Contexts::new()) };
}

/// Calls of the proxy from within one of ours would find the contexts in use. No proxy makes any,
/// and one that did would do so in vain: a panic would take the worker down.
fn with<T>(act: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| contexts.try_borrow_mut().ok().map(|mut contexts| act(&mut contexts)))
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    std::panic::set_hook(Box::new(|panic| {
        // Nothing can be done where this fails.
        let _ = hostcalls::log(LogLevel::Critical, &panic.to_string());
    }));
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_context_create(id: u32, parent: u32) {
    with(|contexts| contexts.create(&Proxy, id, parent));
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_configure(root: u32, size: usize) -> bool {
    let bytes = match size {
        0 => None,
        size => hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten(),
    };
    let bytes = bytes.unwrap_or_default();
    let configured = with(|contexts| Some(contexts.plugin(root)?.configure(&Proxy, &bytes)));
    configured.flatten().unwrap_or(false)
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_tick(root: u32) {
    with(|contexts| {
        if let Some(plugin) = contexts.plugin(root) {
            plugin.tick(&Proxy);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_http_call_response(
    root: u32,
    token: u32,
    headers: usize,
    body_size: usize,
    _: usize,
) {
    // A call that ended without an answer has no headers, and asking for one would panic.
    let header = |name| {
        let map = MapType::HttpCallResponseHeaders;
        if headers == 0 { None } else { hostcalls::get_map_value_bytes(map, name).ok()? }
    };
    let answer = Answer { status: header(":status"), etag: header("etag"), body_size };
    with(|contexts| {
        if let Some(plugin) = contexts.plugin(root) {
            plugin.answered(&Proxy, Token(token), &answer);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_request_headers(id: u32, _: usize, _: bool) -> Action {
    with(|contexts| contexts.request(id, &Request));
    Action::Continue
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_response_headers(id: u32, _: usize, _: bool) -> Action {
    with(|contexts| contexts.response(id, &Response));
    Action::Continue
}

#[unsafe(no_mangle)]
extern "C" fn serin_on_log(id: u32) {
    with(|contexts| contexts.ended(id, &Request));
}

// There is no callback for "done", which each context has before "delete": it would cost every
// request another call, to say what that one says.
#[unsafe(no_mangle)]
extern "C" fn serin_on_delete(id: u32) {
    with(|contexts| contexts.delete(&Proxy, id));
}
