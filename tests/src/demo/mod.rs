//! What the demos have in common: the script, who takes part, how acts have to end, the figures, and
//! the report.

pub mod ends;
pub mod figures;
pub mod report;
pub mod script;
pub mod threshold;
