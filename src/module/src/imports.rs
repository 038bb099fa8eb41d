//! The functions of a proxy, each as one that is safe to call: with the entry and the variables of
//! the only thread, the only unsafe code here.
//!
//! No status makes any of them panic, as those of the SDK do: what a proxy can't give is absent, and
//! what it can't take is left undone.

#![expect(unsafe_code, reason = "functions of the proxy can be called in no other way")]

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ptr;
use core::time::Duration;

/// The status of a call that did what it was asked for.
const OK: u32 = 0;
/// The status of one that names what the proxy doesn't know.
pub(super) const BAD_ARGUMENT: u32 = 2;

/// The headers of which message, by the numbers of the ABI.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Map {
    Request = 0,
    Response = 2,
    ResponseTrailers = 3,
    Answer = 6,
}

/// The bytes of what, by the numbers of the ABI.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Buffer {
    AnswerBody = 4,
    Configuration = 7,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn environ_get(variables: *mut *mut u8, bytes: *mut u8) -> u16;
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u16;
    fn clock_time_get(clock: u32, precision: u64, nanoseconds: *mut u64) -> u16;
    fn random_get(bytes: *mut u8, length: usize) -> u16;
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_add_header_map_value(
        map: Map,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: Buffer,
        start: usize,
        most: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: Map, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: Map,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
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
    fn proxy_increment_metric(id: u32, by: i64) -> u32;
    fn proxy_log(level: u32, line: *const u8, size: usize) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_remove_header_map_value(map: Map, name: *const u8, name_size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: Map,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        data: *const u8,
        size: usize,
        version: u32,
    ) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
}

/// Milliseconds on the clock that never goes back.
pub(super) fn monotonic_milliseconds() -> u64 {
    const MONOTONIC: u32 = 1;
    const NANOSECONDS_IN_A_MILLISECOND: u64 = 1_000_000;
    clock(MONOTONIC) / NANOSECONDS_IN_A_MILLISECOND
}

/// The time since 1970.
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

/// The request's headers as one block; empty where the proxy has none to give.
pub(super) fn request_headers() -> Vec<u8> {
    // SAFETY: the proxy writes what it hands over to these two.
    let given = given(|data, size| unsafe { proxy_get_header_map_pairs(Map::Request, data, size) });
    given.unwrap_or_default()
}

/// The first header of a name; none where it is absent.
pub(super) fn header(map: Map, name: &str) -> Option<Vec<u8>> {
    // SAFETY: the name is live, and the proxy writes what it hands over to the other two.
    given(|data, size| unsafe {
        proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size)
    })
}

/// Sets a header in place of all of that name.
pub(super) fn set_header(map: Map, name: &str, value: &[u8]) {
    let (at, size) = (value.as_ptr(), value.len());
    // SAFETY: both pairs name live bytes.
    unsafe { proxy_replace_header_map_value(map, name.as_ptr(), name.len(), at, size) };
}

/// Adds a header beside those of the same name.
pub(super) fn add_header(map: Map, name: &str, value: &[u8]) {
    let (at, size) = (value.as_ptr(), value.len());
    // SAFETY: both pairs name live bytes.
    unsafe { proxy_add_header_map_value(map, name.as_ptr(), name.len(), at, size) };
}

/// Removes all headers of a name.
pub(super) fn remove_header(map: Map, name: &str) {
    // SAFETY: the name is live.
    unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
}

/// The first `most` bytes of something; empty where there is none.
pub(super) fn buffer(buffer: Buffer, most: usize) -> Vec<u8> {
    // SAFETY: the proxy writes what it hands over to these two.
    let given = given(|data, size| unsafe { proxy_get_buffer_bytes(buffer, 0, most, data, size) });
    given.unwrap_or_default()
}

/// A property by the parts of its path, with a zero byte between them; none where it is absent.
pub(super) fn property(path: &str) -> Option<Vec<u8>> {
    // SAFETY: the path is live, and the proxy writes what it hands over to the other two.
    given(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// A shared value with its version, which is zero where nobody has written it yet.
pub(super) fn shared(key: &str) -> (Vec<u8>, u32) {
    let mut version = 0;
    // SAFETY: the key is live, and the proxy writes what it hands over to the others.
    let given = given(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    });
    (given.unwrap_or_default(), version)
}

/// Writes a shared value where it has that version, or whatever it has where that is zero; whether
/// it did.
pub(super) fn share(key: &str, value: &[u8], version: u32) -> bool {
    let (at, size) = (value.as_ptr(), value.len());
    // SAFETY: both pairs name live bytes.
    unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), at, size, version) == OK }
}

/// Asks for a tick every so often.
pub(super) fn set_tick_period(period: Duration) {
    // SAFETY: it takes a number.
    unsafe { proxy_set_tick_period_milliseconds(milliseconds(period)) };
}

/// Writes a line to the proxy's log, at one of the ABI's levels.
pub(super) fn log(level: u32, line: &str) {
    // SAFETY: the line is live.
    unsafe { proxy_log(level, line.as_ptr(), line.len()) };
}

/// Makes a metric of one of the ABI's kinds known; zero where the proxy refuses it.
pub(super) fn define_metric(kind: u32, name: &str) -> u32 {
    let mut id = 0;
    // SAFETY: the name is live, and so is the variable for the answer.
    unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
    id
}

/// Sets a gauge.
pub(super) fn record_metric(id: u32, value: u64) {
    // SAFETY: it takes numbers.
    unsafe { proxy_record_metric(id, value) };
}

/// Adds to a counter.
pub(super) fn increment_metric(id: u32, by: u64) {
    // SAFETY: it takes numbers.
    unsafe { proxy_increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX)) };
}

/// Sends a call without body, with headers as the ABI has them; else the status that refuses it.
pub(super) fn http_call(cluster: &str, headers: &[u8], timeout: Duration) -> Result<u32, u32> {
    /// None, as a block.
    const TRAILERS: [u8; 4] = [0; 4];
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
            milliseconds(timeout),
            &raw mut token,
        )
    };
    if status == OK { Ok(token) } else { Err(status) }
}

/// Sets a property of the stream.
pub(super) fn set_property(path: &str, value: &[u8]) {
    // SAFETY: both pairs name live bytes.
    unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// What a call of the proxy hands over, for which it gets a place for the bytes' address and one for
/// their number; none where its status says that there is nothing.
fn given(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    if call(&raw mut data, &raw mut size) != OK || data.is_null() {
        return None;
    }
    // SAFETY: the proxy got the bytes from `allocate`, for itself alone, and has handed them over.
    Some(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(data, size)) }.into_vec())
}

/// Memory for what the proxy hands over: [`given`] takes it back.
pub(super) fn allocate(size: usize) -> *mut u8 {
    Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
}
