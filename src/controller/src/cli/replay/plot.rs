//! The course of a replayed rollout as a picture of characters: the weight, and for each gate the
//! ratio with its confidence band and the evidence.
//!
//! Time runs to the right, one column a stretch of it; a column shows the last look of its stretch.
//! Ratios and evidence stand on logarithmic scales.

use core::fmt::{self, Write as _};
use core::time::Duration;

use anstyle::{AnsiColor, Style};

/// What one look showed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Look {
    /// Milliseconds since 1970.
    pub(super) at_ms: u64,
    /// The canary's share, 0.0 to 1.0.
    pub(super) weight: f64,
    /// For each gate, in their order; `None` where it has counted no event.
    pub(super) gates: Vec<Option<Shown>>,
}

/// What a gate showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shown {
    /// The likeliest ratio, canary to stable.
    pub(super) ratio: f64,
    /// The lower end of its confidence band.
    pub(super) low: f64,
    /// The upper end of its confidence band.
    pub(super) high: f64,
    /// The natural logarithm of the evidence that decides.
    pub(super) log_e: f64,
}

/// A gate's name and limits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gate {
    pub(super) name: String,
    /// The ratio that is still allowed.
    pub(super) margin: f64,
    /// The evidence at which it alone rolls back, as a natural logarithm.
    pub(super) log_limit: f64,
}

/// Rows of a ratio's chart; odd, so that one can be in the middle.
const RATIO_ROWS: usize = 9;
/// Rows of the weight's and the evidence's chart.
const ROWS: usize = 4;
/// Characters left of a chart: a label and the axis.
const LABEL: usize = 9;
/// Fewer columns show nothing.
const FEWEST_COLUMNS: usize = 20;
/// Ratios beyond this factor are drawn at the edge.
const WIDEST: f64 = 8.0;
/// The narrowest scale: a band of a hair's width should not fill the picture.
const NARROWEST: f64 = 1.01;

const LINE: Style = Style::new().dimmed();
const BAND: Style = AnsiColor::Cyan.on_default();
const BEST: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default();

/// Draws it, `width` characters wide at most.
pub(super) fn draw(looks: &[Look], gates: &[Gate], width: usize) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let columns = columns(looks, width);
    if columns.is_empty() {
        return Ok(text);
    }
    weight(&mut text, &columns)?;
    for (index, gate) in gates.iter().enumerate() {
        let shown: Vec<Option<Shown>> =
            columns.iter().map(|look| look.gates.get(index).copied().flatten()).collect();
        ratio(&mut text, gate, &shown)?;
        evidence(&mut text, gate, &shown)?;
    }
    axis(&mut text, &columns)?;
    Ok(text)
}

/// Time below the charts: the first look and how much later the last one is.
fn axis(text: &mut String, columns: &[&Look]) -> fmt::Result {
    let at = |look: Option<&&Look>| look.map_or(0, |look| look.at_ms);
    let (first, last) = (at(columns.first()), at(columns.last()));
    let later = Duration::from_millis(last.saturating_sub(first));
    let later = format!("+{}", serin_document::duration::format(later));
    let room = columns.len().saturating_sub("0".len());
    writeln!(text, "{:>LABEL$}{LINE}0{later:>room$}{LINE:#}", "")
}

/// One look a column.
fn columns(looks: &[Look], width: usize) -> Vec<&Look> {
    let room = width.saturating_sub(LABEL).max(FEWEST_COLUMNS).min(looks.len());
    (1..=room)
        .filter_map(|column| looks.get((column * looks.len() / room).checked_sub(1)?))
        .collect()
}

fn weight(text: &mut String, columns: &[&Look]) -> fmt::Result {
    writeln!(text, "weight")?;
    let shares: Vec<f64> = columns.iter().map(|look| look.weight).collect();
    for row in (0..ROWS).rev() {
        let label = match row {
            _ if row + 1 == ROWS => "100%",
            0 => "0%",
            _ => "",
        };
        write!(text, "{label:>7} {LINE}│{LINE:#}")?;
        for share in &shares {
            text.push(eighths(*share, row, ROWS));
        }
        end(text)?;
    }
    Ok(())
}

/// The character that fills a row of a column up to `level` of its whole height.
fn eighths(level: f64, row: usize, rows: usize) -> char {
    const FILLED: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    // Anything at all is seen.
    let eighths = floor(level * 8.0 * real(rows)).max(usize::from(level > 0.0));
    let here = eighths.saturating_sub(row * 8).min(8);
    FILLED.get(here).copied().unwrap_or('█')
}

fn ratio(text: &mut String, gate: &Gate, shown: &[Option<Shown>]) -> fmt::Result {
    let name = &gate.name;
    writeln!(text, "{name}: canary/stable with its confidence band; ┄ what is allowed")?;
    // As wide as the narrowest bands need it, which come last; the wide ones at the start run out
    // of the picture.
    let settled = shown.get(shown.len() / 4..).unwrap_or_default();
    let reach = |value: f64| value.max(value.recip());
    let widest = settled
        .iter()
        .flatten()
        .flat_map(|shown| [shown.low, shown.high])
        .chain([gate.margin])
        .map(reach)
        .fold(NARROWEST, f64::max)
        .min(WIDEST);
    let middle = real(RATIO_ROWS - 1) / 2.0;
    let place = |value: f64| middle + value.ln() / widest.ln() * middle;
    for row in (0..RATIO_ROWS).rev() {
        let value = ((real(row) - middle) / middle * widest.ln()).exp();
        let label = if row % 2 == 0 { format!("{value:.3}") } else { String::new() };
        write!(text, "{label:>7} {LINE}│{LINE:#}")?;
        let is_here = |value: f64| (place(value) - real(row)).abs() <= 0.5;
        for shown in shown {
            let inside = shown.is_some_and(|shown| {
                place(shown.low) <= real(row) + 0.5 && place(shown.high) >= real(row) - 0.5
            });
            let best = shown.is_some_and(|shown| is_here(shown.ratio));
            if best {
                write!(text, "{BEST}●{BEST:#}")?;
            } else if inside {
                write!(text, "{BAND}░{BAND:#}")?;
            } else if is_here(gate.margin) {
                write!(text, "{LINE}┄{LINE:#}")?;
            } else {
                text.push(' ');
            }
        }
        end(text)?;
    }
    Ok(())
}

fn evidence(text: &mut String, gate: &Gate, shown: &[Option<Shown>]) -> fmt::Result {
    let name = &gate.name;
    let limit = gate.log_limit.exp();
    writeln!(text, "{name}: evidence of harm, up to the {limit:.0} that rolls back by itself")?;
    for row in (0..ROWS).rev() {
        let value = (gate.log_limit * real(row + 1) / real(ROWS)).exp();
        write!(text, "{:>7} {LINE}│{LINE:#}", format!("{value:.0}"))?;
        for shown in shown {
            let log_e = shown.map_or(0.0, |shown| shown.log_e);
            let filled = eighths((log_e / gate.log_limit).clamp(0.0, 1.0), row, ROWS);
            if log_e >= gate.log_limit {
                write!(text, "{BAD}{filled}{BAD:#}")?;
            } else {
                text.push(filled);
            }
        }
        end(text)?;
    }
    Ok(())
}

/// Ends a line without the spaces that nobody sees.
fn end(text: &mut String) -> fmt::Result {
    text.truncate(text.trim_end_matches(' ').len());
    writeln!(text)
}

/// A small number to reckon with.
fn real(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; NaN and what is negative become 0"
)]
fn floor(value: f64) -> usize {
    value.floor() as usize
}

#[cfg(test)]
mod tests;
