//! What the module has instead of the standard library: an end for a panic, and a variable of the
//! only thread.
//!
//! The library's own panics put what they say into words, which are 10 kB for each worker to load,
//! for what must not happen.

#![expect(unsafe_code, reason = "a variable of the only thread, which Rust cannot know to be that")]

use core::cell::{RefCell, RefMut};

/// Ends the VM. The proxy logs at which byte of the module; which function that is, a build of the
/// same sources with names tells. (What the judge needs of the standard library has one of its own.)
#[cfg(not(feature = "tripwire"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// A variable of a module in which there is one thread.
pub(super) struct Single<T>(RefCell<T>);

// SAFETY: a module without shared memory, which proxies have no other, runs in one thread.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// The value, unless it is in use.
    pub(super) fn take(&self) -> Option<RefMut<'_, T>> {
        self.0.try_borrow_mut().ok()
    }
}
