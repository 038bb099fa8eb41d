//! How what is printed is set off in a terminal. Styles are taken out again where nobody sees them.

use anstyle::{AnsiColor, Style};

/// A name.
pub(super) const BOLD: Style = Style::new().bold();
/// What may be passed over.
pub(super) const DIM: Style = Style::new().dimmed();
/// As it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Harm, or something to mend.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// Something is waited for, or doubtful.
pub(super) const WAIT: Style = AnsiColor::Yellow.on_default();
