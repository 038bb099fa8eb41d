//! Where the view goes: redrawn in place on a terminal, line by line into a log.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;
use serin_tests::controller::{Decision, Status};

use crate::stage::Stage;
use crate::view::{Tally, View};

/// How often a log gets a line when nothing is decided.
const LOG_EVERY: Duration = Duration::from_secs(2);

/// The terminal or the log.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: bool,
    start: Instant,
    tally: Tally,
    /// Lines of the last frame, to be drawn over.
    drawn: usize,
    /// The last decision that was told in a log.
    told: Option<Decision>,
    logged: Option<Instant>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self {
            terminal: stdout().is_terminal(),
            start: Instant::now(),
            tally: Tally::default(),
            drawn: 0,
            told: None,
            logged: None,
        }
    }

    /// Tells what the demo itself does; stays above the frames that follow.
    pub(crate) fn note(&mut self, text: &str) {
        println!("{} {text}", self.clock());
        self.drawn = 0;
    }

    /// Shows the present state.
    pub(crate) fn show(&mut self, act: &str, status: &Status, stage: &Stage) {
        self.tally.add(&stage.load);
        let clock = self.clock();
        // Lent to the view while the rest of the screen changes.
        let tally = std::mem::take(&mut self.tally);
        let view = View {
            clock,
            act,
            status,
            tally: &tally,
            stable: stage.stable.version(),
            canary: stage.canary.version(),
        };
        if self.terminal {
            let frame = view.frame(width());
            // Up to the first line of the last frame, and all below it away.
            let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
            print!("{up}\x1b[J{}", frame.concat());
            self.drawn = frame.len();
            // A terminal that has gone away is noticed by the signal that it sends.
            let _ = stdout().flush();
        } else {
            self.log(&view);
        }
        self.tally = tally;
    }

    fn log(&mut self, view: &View<'_>) {
        let decisions = &view.status.decisions;
        let known = decisions.iter().rposition(|one| Some(one) == self.told.as_ref());
        for decision in decisions.iter().skip(known.map_or(0, |index| index + 1)) {
            println!("{} {}: {}", view.clock, decision.reason, decision.message);
        }
        self.told = decisions.last().cloned();
        if self.logged.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
            println!("{}", view.line());
            self.logged = Some(Instant::now());
        }
    }

    /// Time since the start, as minutes and seconds.
    fn clock(&self) -> String {
        let seconds = self.start.elapsed().as_secs();
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}

/// The terminal's width in columns.
fn width() -> usize {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        // One that does not tell is taken for a usual one.
        _ => 100,
    }
}
