//! Evidence that a canary is worse than stable, valid at every look.
//!
//! One statistic: an e-process on the ratio canary/stable of an event's probability. For independent
//! requests an identical canary is rolled back with probability at most alpha, however often one
//! looks; what users who differ need besides is the evidence that is left when any one cohort of
//! them is set aside. Everything is pure: counts in, evidence out, no clock. Evidence is kept as a
//! natural logarithm, and none is ever NaN or infinite.
//!
//! - [`RatioTest`]: the test of one metric, with restarts, cohorts set aside and a floor;
//!   [`OneSample`] against a stated rate; [`gross`] for the start of a rollout; [`Split`] for the
//!   data plane.
//! - [`combine`]: several metrics, one alpha. [`dispersion`]: events that clump.
//! - [`Likelihood`]: the ratio with its confidence, for display. [`planning`]: what can be seen when.
//! - [`panel`]: all gates of a release side by side.
//!
//! Sources: Lindon & Malek, arXiv 2011.03567 (anytime-valid inference for counts); Howard et al.,
//! arXiv 1810.08240 (confidence sequences); arXiv 2409.19888 (averaging e-values).
//!
//! ```
//! use serin_judge::{Alpha, Counts, Dispersion, Interval, Look, Margin, RatioTest};
//! use serin_judge::{Rule, SetAside, Share, Worse};
//!
//! # fn main() -> Result<(), serin_judge::InvalidCounts> {
//! let rule = Rule {
//!     worse: Worse::Higher,
//!     margin: Margin::default_for(Worse::Higher),
//!     floor: Some(Share::DEFAULT_FLOOR),
//!     set_aside: SetAside::None,
//! };
//! let mut errors = RatioTest::new(&rule, 0);
//! // Two scrapes: 5 % of the requests go to the canary, which fails one in ten of them.
//! for _ in 0..2 {
//!     let interval = Interval::whole(Counts::try_new(100.0, 10.0, 1900.0, 9.0)?);
//!     errors.absorb(&rule, &interval, Dispersion::NONE, Look::Judged);
//! }
//! let alpha = Alpha::default();
//! assert!(errors.log_e() >= alpha.log_threshold() && errors.floor_met(alpha));
//! # Ok(())
//! # }
//! ```

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

/// Evidence from which on nothing rises, as a natural logarithm: ten to one.
pub const LOG_SUSPICION: f64 = core::f64::consts::LN_10;

pub use counts::{Counts, Interval, InvalidCounts};
pub use likelihood::{Likelihood, OtherGrid};
pub use numbers::{Alpha, Dispersion, Margin, OutOfRange, Share, Worse};
pub use one_sample::OneSample;
pub use ratio::{RatioTest, SetAsideEvidence};
pub use rule::{Look, Rule, SetAside};
pub use split::Split;
