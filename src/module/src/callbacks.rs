//! What the proxy calls. A callback that is there is called for every request, whether or not it
//! does anything, so what has nothing to do is none here.

#![expect(unsafe_code, reason = "a function that the proxy calls needs its name kept")]

use super::alone::Single;
use super::imports::{self, Buffer, Map};
use super::{Proxy, Request, Response};
use serin_filter::contexts::Contexts;
use serin_filter::host::{Answer, Token};

static CONTEXTS: Single<Contexts> = Single::new(Contexts::new());

/// Calls of the proxy from within one of ours would find the contexts in use. No proxy makes any,
/// and one that did would do so in vain: a panic would take the worker down.
fn with<T>(act: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    CONTEXTS.take().map(|mut contexts| act(&mut contexts))
}

/// What a callback answers that lets the request or response go on.
const CONTINUE: u32 = 0;

/// Says which version of the ABI this is.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// By which the proxy makes room for what it hands over.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    imports::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
    with(|contexts| contexts.create(&Proxy, id, parent));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> bool {
    let bytes = imports::buffer(Buffer::Configuration, size);
    let configured = with(|contexts| Some(contexts.plugin(root)?.configure(&Proxy, &bytes)));
    configured.flatten().unwrap_or(false)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    with(|contexts| {
        if let Some(plugin) = contexts.plugin(root) {
            plugin.tick(&Proxy);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    headers: usize,
    body_size: usize,
    _: usize,
) {
    // A call that ended without an answer has no headers, and not all proxies say so when asked.
    let header = |name| if headers == 0 { None } else { imports::header(Map::Answer, name) };
    let answer = Answer { status: header(":status"), etag: header("etag"), body_size };
    with(|contexts| {
        if let Some(plugin) = contexts.plugin(root) {
            plugin.answered(&Proxy, Token(token), &answer);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _: usize, _: bool) -> u32 {
    with(|contexts| contexts.request(id, &Request));
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _: usize, _: bool) -> u32 {
    with(|contexts| contexts.response(id, &Response(Map::Response)));
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, _: usize) -> u32 {
    with(|contexts| contexts.trailers(id, &Response(Map::ResponseTrailers)));
    CONTINUE
}

// There is no callback for "log" and none for "done", which each stream has before "delete": either
// would cost every request another call, and when a stream is deleted the proxy still knows how it
// ended. Nor is a stream that goes on logged as if it had ended.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    with(|contexts| contexts.delete(&Proxy, id, &Request));
}
