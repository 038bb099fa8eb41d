//! A module written by hand for one rollout and nothing else: one host, one header with the user's
//! id, one weight. It keeps no state, so that only the request's headers call it; it allocates
//! nothing, and asks the proxy twice: for all headers, and to set the mark. What does the same in
//! general can hardly cost less.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "functions of the proxy can be called in no other way")]

use core::ptr;
use core::slice;

const HOST: &[u8] = b"shop.example.com";
const ID: &[u8] = b"x-user-id";
const MARK: &[u8] = b"x-serin-variant";
const SALT: &[u8] = b"shop:";
const CANARY_BUCKETS: u64 = 5_000;

/// Where the proxy puts what it hands over: one block of headers at a time.
static mut BUFFER: [u8; 1 << 17] = [0; 1 << 17];

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *const u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    if size > 1 << 17 { ptr::null_mut() } else { (&raw mut BUFFER).cast() }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_: u32, _: usize, _: bool) -> u32 {
    let (mut data, mut size) = (ptr::null(), 0);
    // SAFETY: both pointers are to live variables of the types that the ABI states.
    if unsafe { proxy_get_header_map_pairs(0, &raw mut data, &raw mut size) } != 0 {
        return 0;
    }
    // SAFETY: the proxy has just written that many bytes there, and writes none until the next
    // request.
    if let Some(mark) = decide(unsafe { slice::from_raw_parts(data, size) }) {
        // SAFETY: each pair names live bytes.
        unsafe {
            proxy_replace_header_map_value(0, MARK.as_ptr(), MARK.len(), mark.as_ptr(), mark.len());
        }
    }
    0
}

fn decide(block: &[u8]) -> Option<&'static [u8]> {
    let number = |at: usize| Some(u32::from_le_bytes(*block.get(at..)?.first_chunk()?) as usize);
    let count = number(0)?;
    let (mut is_ours, mut id) = (false, None);
    let mut at = 4 + 8 * count;
    for header in 0..count {
        let (name, value) = (number(4 + 8 * header)?, number(8 + 8 * header)?);
        let text = block.get(at + name + 1..at + name + 1 + value)?;
        match block.get(at..at + name)? {
            b":authority" => is_ours = text == HOST,
            ID => id = Some(text),
            _ => {}
        }
        at += name + value + 2;
    }
    let id = id.filter(|_| is_ours)?;
    let hash = murmur3::murmur3_32(&mut std::io::Read::chain(SALT, id), 0).ok()?;
    let bucket = (u64::from(hash) * 10_000) >> 32;
    Some(if bucket < CANARY_BUCKETS { b"canary" } else { b"stable" })
}
