//! Evidence that a canary is worse than stable, valid at every look.
//!
//! One statistic: an e-process on the ratio canary/stable of an event's probability. For independent
//! requests an identical canary is rolled back with probability at most alpha, however often one
//! looks; what users who differ need besides is the evidence that is left when any one cohort of
//! them is set aside. Everything is pure: counts in, evidence out, no clock.

mod alternatives;
mod bits;
pub mod combine;
mod counts;
mod deviance;
pub mod dispersion;
pub mod gross;
mod likelihood;
mod log_space;
mod numbers;
mod one_sample;
pub mod panel;
pub mod planning;
mod ratio;
mod restarts;
mod rule;
mod split;

pub use counts::{Counts, Interval, InvalidCounts};
pub use likelihood::{Likelihood, OtherGrid};
pub use numbers::{Alpha, Dispersion, Margin, OutOfRange, Share, Worse};
pub use one_sample::OneSample;
pub use ratio::{RatioTest, SetAsideEvidence};
pub use rule::{Look, Rule, SetAside};
pub use split::Split;
