//! A module that is called for each request and does nothing: what a proxy asks for calling any.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "a function that the proxy calls needs its name kept")]

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// The proxy hands nothing over.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(_: usize) -> *mut u8 {
    core::ptr::null_mut()
}

/// Goes on.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_: u32, _: usize, _: bool) -> u32 {
    0
}
