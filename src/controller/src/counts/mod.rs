//! True counts per interval, from raw samples, differenced series by series.
//!
//! The judge takes counts, not rates: whole requests and events of both sides, cut at the same
//! moment. A [`Ledger`] turns samples into such intervals and knows no I/O; [`read`] asks a source
//! for what it needs. The rules:
//!
//! - A **target** is one scraped process: the series that share `job`, `instance` and the like. Its
//!   samples arrive in order, so a cut at the smallest last sample of the targets that are live
//!   can never be undercut by a later sample of one of them. A target is live for 3.5 scrape
//!   intervals after its last sample; one that comes back later brings what it has counted
//!   meanwhile into the next interval.
//! - A **cut** is made as soon as it lies 0.9 scrape intervals past the last one. It depends on the
//!   samples alone: whoever asks rarely, or was away, gets the same intervals as who asks often.
//!   When the last target dies, what it had counted is cut off at its last sample.
//! - A **cursor** is a series' value where it was counted last. A drop is a start of the process
//!   anew, so the new value counts; with it all series that can only have started together.
//! - A series **born** on a target that was scraped before without it counts in full. So does all
//!   of a new target from three scrapes after the start on; before that, and where nobody can know
//!   whether it is new (a page that is read here may have been there for long), it counts from its
//!   first value. So does a series that goes on under other labels.
//! - **Never more** than the processes counted since their last scrapes before the start. Where
//!   something cannot be known (series out of sight at the start, or over an hour when a controller
//!   starts again) it is left out.
//! - Cursors live in memory. Whoever starts again reads the values as of the last cut that was
//!   stored; what came late, after that cut and from before it, is then lost.

mod book;
mod bounds;
mod buckets;
mod custom;
mod cuts;
mod envoy;
mod filter;
mod group;
mod istio;
mod key;
mod ledger;
mod line;
mod linkerd;
mod meaning;
mod read;
mod renamed;
mod target;
mod traefik;

#[cfg(test)]
mod tests;

pub use bounds::{BoundsUnknown, bounds_from_stable, bounds_selector};
pub use ledger::{Ledger, Start};
pub use read::{Reading, read};
