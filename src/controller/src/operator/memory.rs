//! Memory that is not used any more goes back to the node.
//!
//! glibc gives back what lies at its heap's end and keeps what lies between two pieces in use. A start
//! reads a thousand releases as trees of values and keeps little of each, and so does each list after
//! a watch was broken off: a tenth to a fourth of the heap is free then, in pieces of many pages.

#![cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "a call that only glibc knows"))]

use core::time::Duration;

use tokio::time::sleep;

/// How often. It takes about a millisecond, and nothing else allocates meanwhile.
const EVERY: Duration = Duration::from_mins(1);

/// Gives it back, now and then; never ends.
pub(super) async fn give_back() {
    loop {
        sleep(EVERY).await;
        trim();
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it may be called at any time and by any thread, and touches nothing that is in use.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators have their own ways.
#[cfg(not(target_env = "gnu"))]
fn trim() {}
