//! Who gets the canary.
//!
//! ```text
//! hash   = murmur3_x86_32(salt + ":" + user id, seed 0)
//! bucket = (hash * 10000) >> 32          0 ..= 9999
//! canary if bucket < weight              weight in basis points
//! cohort = hash & 15                     0 ..= 15
//! ```
//!
//! The same salt and id give the same answer on every proxy, worker and service; a higher weight
//! only adds users, and a lower one takes away only those who were added last. The hash and the
//! projection to buckets are those of flagd, the layout of the key is Unleash's.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod hash;
mod murmur3;
mod salt;
mod variant;
mod weight;

pub use hash::{Assignment, Bucket, Cohort, Salted, assign};
pub use murmur3::murmur3_x86_32;
pub use salt::{InvalidSalt, Salt};
pub use variant::{InvalidVariant, Variant};
pub use weight::{InvalidWeight, Weight};
