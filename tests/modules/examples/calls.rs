//! A module that makes the calls of Serin with every feature configured, for a user who is placed by a
//! cookie, and does nothing else: what is left to Serin's own code is what the proxy takes for more than
//! this. Everybody is marked stable.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "functions of the proxy can be called in no other way")]

use core::ptr;

/// A claim of a verified token, which the requests have none of.
const CLAIM: &[u8] = b"metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0payload\0sub";
const MARK: (&[u8], &[u8]) = (b"x-serin-variant", b"stable");
const COHORT: (&[u8], &[u8]) = (b"x-serin-cohort", b"7");
/// For access logs and traces.
const TOLD: (&[u8], &[u8]) =
    (b"serin", b"rollout=shop/rollout-50 variant=stable reason=hash cohort=7");

/// Where the proxy puts what it hands over: one block of headers at a time.
static mut BUFFER: [u8; 1 << 17] = [0; 1 << 17];

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *const u8, size: *mut usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *const u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize) -> u32;
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    if size > 1 << 17 { ptr::null_mut() } else { (&raw mut BUFFER).cast() }
}

/// Serin keeps whose stream it is.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_: u32, _: usize, _: bool) -> u32 {
    let (mut data, mut size) = (ptr::null(), 0);
    // SAFETY: the pointers are to live variables of the types that the ABI states, and each pair names
    // live bytes.
    unsafe {
        proxy_get_header_map_pairs(0, &raw mut data, &raw mut size);
        proxy_get_property(CLAIM.as_ptr(), CLAIM.len(), &raw mut data, &raw mut size);
        for (name, value) in [MARK, COHORT] {
            let (at, length) = (value.as_ptr(), value.len());
            proxy_add_header_map_value(0, name.as_ptr(), name.len(), at, length);
        }
        let (key, line) = TOLD;
        proxy_set_property(key.as_ptr(), key.len(), line.as_ptr(), line.len());
    }
    0
}

/// Serin sets cookies there.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(_: u32, _: usize, _: bool) -> u32 {
    0
}

/// Serin forgets the stream.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(_: u32) {}
