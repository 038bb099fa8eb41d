//! Hash maps for keys that nobody who sends requests chooses: the proxy's own numbers, and names of
//! documents.

use core::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

/// A map by [`Spread`].
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Spreads keys by a multiplication, which will do where nobody picks them to fall together.
#[derive(Debug, Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        /// 2^64 by the golden ratio: neighbours come far apart, in the upper bits too.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(SPREAD);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
