//! The tripwire: a proxy that sees gross harm in its own canary answers sends everyone to stable.
//!
//! ```text
//! end of a stream ──▶ Tally of this VM ──tick──▶ Watch, shared by compare-and-swap
//!                                                  │ whoever adds when it is time looks
//!                                                  ▼ proof
//! request ──▶ tripped? ◀──tick── Trips, shared: which rollouts have tripped, until when
//! ```
//!
//! Nobody is elected. Each VM adds its counts to what is shared, and the one whose counts come when
//! a look is due takes it in the same write: a VM that dies takes its last 100 ms with it, and nothing
//! waits for it. A write that loses the race is computed again from what the winner left; counts
//! that could not be added wait for the next tick. Proof stays in what is shared until the trip is
//! written down, so that a VM that dies between the two leaves both to the next.
//!
//! - [`tally`]: what one VM has counted since its last tick.
//! - [`watch`]: the evidence, pure.
//! - [`trips`]: what has tripped, and what ends it, pure.
//! - [`wire`]: what a VM does about them at each tick.

pub mod tally;
pub mod trips;
pub mod watch;
pub mod wire;

pub use tally::{Tallies, Tally};
pub use wire::{Wire, switches};
