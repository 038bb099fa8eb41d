//! What the demos have in common: how acts have to end, the figures, and the report.

pub mod ends;
pub mod figures;
pub mod report;
pub mod threshold;

/// More than the 2,000 that the figures ask for, so that chance draws at least as many.
pub const USERS: u32 = 2_400;
