//! What the SDK has no call for, or none that is safe from its input: the only unsafe code here.

#![expect(unsafe_code, reason = "functions of the proxy can be called in no other way")]

use core::ptr;
use core::time::Duration;

use proxy_wasm::types::{MapType, Status};

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn environ_get(variables: *mut *mut u8, bytes: *mut u8) -> u16;
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u16;
    fn clock_time_get(clock: u32, precision: u64, nanoseconds: *mut u64) -> u16;
    fn random_get(bytes: *mut u8, length: usize) -> u16;
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: MapType, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize) -> u32;
}

/// Milliseconds on the clock that never goes back. The SDK has the time of day only.
pub(super) fn monotonic_milliseconds() -> u64 {
    const MONOTONIC: u32 = 1;
    const NANOSECONDS_IN_A_MILLISECOND: u64 = 1_000_000;
    clock(MONOTONIC) / NANOSECONDS_IN_A_MILLISECOND
}

/// The time since 1970. The SDK's call has a system time, which needs more code around it.
pub(super) fn time_of_day() -> Duration {
    const REALTIME: u32 = 0;
    Duration::from_nanos(clock(REALTIME))
}

/// Nanoseconds on one of WASI's clocks.
fn clock(id: u32) -> u64 {
    let mut nanoseconds = 0;
    // It fails for unknown clocks only, and hosts have these.
    // SAFETY: the pointer is to a live variable of the type that WASI states.
    unsafe { clock_time_get(id, 0, &raw mut nanoseconds) };
    nanoseconds
}

/// Random bytes, different in each VM.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // It fails only for lengths far above ours.
    // SAFETY: the pointer is to a live array of that length.
    unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

/// A variable of the VM's environment. The standard library has none on this target.
pub(super) fn variable(name: &str) -> Option<Vec<u8>> {
    let (mut count, mut size) = (0, 0);
    // SAFETY: both pointers are to live variables of the types that WASI states.
    if unsafe { environ_sizes_get(&raw mut count, &raw mut size) } != 0 {
        return None;
    }
    let (mut variables, mut bytes) = (vec![ptr::null_mut(); count], vec![0; size]);
    // SAFETY: both pointers are to live arrays of the lengths that the proxy has just asked for.
    if unsafe { environ_get(variables.as_mut_ptr(), bytes.as_mut_ptr()) } != 0 {
        return None;
    }
    // One after the other, each with a zero byte after it.
    let mut all = bytes.split(|byte| *byte == 0);
    let value = |variable: &[u8]| {
        variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec)
    };
    all.find_map(value)
}

/// The request's headers as one block; empty where the proxy has none to give. The SDK's call
/// copies each name and value out of it and panics on a name that is no UTF-8.
pub(super) fn request_headers() -> Vec<u8> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    // SAFETY: both pointers are to live variables of the types that the ABI states.
    let status = unsafe {
        proxy_get_header_map_pairs(MapType::HttpRequestHeaders, &raw mut data, &raw mut size)
    };
    // SAFETY: the proxy has just written both.
    unsafe { owned(status, data, size) }.unwrap_or_default()
}

/// A property by the parts of its path, with a zero byte between them; none where it is absent. The
/// SDK's call panics on statuses that it doesn't expect.
pub(super) fn property(path: &str) -> Option<Vec<u8>> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    // SAFETY: the first two name live bytes, the others are pointers to live variables of the types
    // that the ABI states.
    let status =
        unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    // SAFETY: the proxy has just written both.
    unsafe { owned(status, data, size) }
}

/// Sends a call without body, with headers as the ABI has them; else the status that refuses it. The
/// SDK's call also notes in its dispatcher, which is not in use, who made it.
pub(super) fn http_call(cluster: &str, headers: &[u8], timeout: Duration) -> Result<u32, u32> {
    /// None, as a block.
    const TRAILERS: [u8; 4] = [0; 4];
    let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let mut token = 0;
    // SAFETY: each pair names live bytes, or no bytes at all; the last is a pointer to a live
    // variable of the type that the ABI states.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            ptr::null(),
            0,
            TRAILERS.as_ptr(),
            TRAILERS.len(),
            timeout,
            &raw mut token,
        )
    };
    if status == Status::Ok as u32 { Ok(token) } else { Err(status) }
}

/// Sets a property of the stream. A proxy that can't leaves it absent; the SDK's call would panic.
pub(super) fn set_property(path: &str, value: &[u8]) {
    // SAFETY: both pairs name live bytes.
    let _ = unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
}

/// Takes over bytes that a call of the proxy has answered with.
///
/// # Safety
/// `data` is null, or points to `size` bytes that the proxy has just handed over.
unsafe fn owned(status: u32, data: *mut u8, size: usize) -> Option<Vec<u8>> {
    if status != Status::Ok as u32 || data.is_null() {
        return None;
    }
    // SAFETY: the proxy got the bytes from the SDK's allocator, which makes a box of the size that
    // it is asked for, and hands them over.
    Some(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(data, size)) }.into_vec())
}
