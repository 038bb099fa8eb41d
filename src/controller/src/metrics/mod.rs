//! Metrics from wherever they come: one port, and what passes through it.
//!
//! Questions are asked with a [`Selector`] and answered with raw samples, so that everything that
//! is made of them is made here, in one way for all sources.

mod growth;
mod selector;
mod series;
mod source;

pub(crate) use growth::growth;
pub use selector::{Is, Matcher, Selector, Text};
pub use series::{Labels, Point, Sample, Series};
pub use source::Source;
