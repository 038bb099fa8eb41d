//! A forecast for people, and the same for programs.

use core::fmt::{self, Write as _};

use serin_document::duration;
use serin_judge::{SetAside, Worse};

use super::forecast::{Because, Blind, Forecast, Seen, Sight, Step, ratios};
use super::question::{Question, Watched};
use super::{minutes, number, thousands, users};
use crate::release::Release;

/// What is printed: who is asked about, the question, the answer and what is wrong with it.
pub(super) struct Page<'a> {
    pub(super) release: &'a Release,
    pub(super) question: &'a Question,
    pub(super) forecast: &'a Forecast,
    pub(super) warnings: &'a [String],
}

impl Page<'_> {
    /// Tables for a terminal.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        self.head(&mut text)?;
        self.steps(&mut text)?;
        for (index, gate) in self.question.gates.iter().enumerate() {
            self.gate(&mut text, index, gate)?;
        }
        self.seen(&mut text)?;
        Ok(text)
    }

    fn head(&self, text: &mut String) -> fmt::Result {
        let (release, question) = (self.release, self.question);
        writeln!(text, "release   {} version {}", release.key(), release.version)?;
        write!(text, "traffic   {} requests a second", number(question.requests_per_second))?;
        match question.users {
            Some(users) => writeln!(text, " by {} users", thousands(users::count(users)))?,
            None => writeln!(text)?,
        }
        if let Some(mirror) = &release.plan.mirror {
            let (share, time) = (mirror.share, duration::format(mirror.time));
            writeln!(
                text,
                "mirror    {share} of requests for {time} first; nobody is on the canary"
            )?;
        }
        let aside = match question.set_aside {
            SetAside::None => "no cohort",
            SetAside::One => "1 cohort",
            SetAside::Two => "2 cohorts",
        };
        writeln!(
            text,
            "evidence  a look every {}, first {} skipped, {aside} set aside",
            duration::format(question.scrape_interval),
            duration::format(question.skip),
        )
    }

    fn steps(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "\nSTEP  WEIGHT       LASTS        CANARY        STABLE       USERS")?;
        for step in &self.forecast.steps {
            let users = step.users.map_or_else(|| "-".to_owned(), thousands);
            writeln!(
                text,
                "{:>4}  {:>6}  {:>10}  {:>12}  {:>12}  {:>10}{}",
                step.number,
                step.weight.to_string(),
                whole_seconds(step.lasts.seconds),
                thousands(step.canary_requests),
                thousands(step.stable_requests),
                users,
                because(step.lasts.because)
            )?;
        }
        Ok(())
    }

    fn gate(&self, text: &mut String, index: usize, gate: &Watched) -> fmt::Result {
        let rates: Vec<String> =
            gate.rates.iter().map(|rate| format!("{} %", number(rate.get() * 100.0))).collect();
        let (margin, beyond) = (number(gate.margin.get()), beyond(gate.worse()));
        writeln!(
            text,
            "\n{}: {} of {} a second; rolled back {beyond} {margin} times stable's{}\n\
             minutes of the step until a ratio is seen with 50 % / 90 %",
            gate.name,
            rates.join(", "),
            number(gate.per_second),
            needs(gate)
        )?;
        let head = ratios(gate.worse()).map(|ratio| format!("{}x ", number(ratio)));
        line(text, &format!("STEP  WEIGHT{}", columns(head)))?;
        for step in &self.forecast.steps {
            let sights = step.sights.get(index).into_iter().flatten();
            let cells = columns(sights.map(|sight| cell(sight, step)));
            line(text, &format!("{:>4}  {:>6}{cells}", step.number, step.weight.to_string()))?;
        }
        Ok(())
    }

    fn seen(&self, text: &mut String) -> fmt::Result {
        if self.forecast.seen.is_empty() {
            return Ok(());
        }
        writeln!(
            text,
            "\n(…) later than the step ends   ≥ at least, as few events decide   - never\n\n\
             seen with 90 %"
        )?;
        let names = self.question.gates.iter().map(|gate| gate.name.len());
        let widest = names.max().unwrap_or_default();
        for seen in &self.forecast.seen {
            let Some(gate) = self.question.gates.get(seen.gate) else { continue };
            let name = &gate.name;
            let ratio = format!("{}x", number(seen.ratio));
            writeln!(text, "{name:widest$}  {ratio:>5}  {}", self.place(seen))?;
        }
        Ok(())
    }

    fn place(&self, seen: &Seen) -> String {
        let at = seen.at.and_then(|(index, when)| Some((self.forecast.steps.get(index)?, when)));
        let Some((step, when)) = at else { return self.nowhere(seen).to_owned() };
        let least = if when.at_least { "at least " } else { "" };
        let after = minutes(when.ninety_seconds);
        format!("step {}, {}, after {least}{after} min", step.number, step.weight)
    }

    /// Why a ratio is seen nowhere.
    fn nowhere(&self, seen: &Seen) -> &'static str {
        let sights = self.forecast.steps.iter().filter_map(|step| step.sights.get(seen.gate));
        let ratio = |sight: &&Sight| (sight.ratio - seen.ratio).abs() < f64::EPSILON;
        let mut whens = sights.filter_map(|row| row.iter().find(ratio)).map(|sight| sight.when);
        if let Some(Err(why)) = whens.find(|when| !matches!(when, Err(Blind::NoComparison))) {
            return reason(why);
        }
        "at no step"
    }
}

/// How many users who differ must stand behind the evidence.
fn needs(gate: &Watched) -> String {
    let needed = users::needed(gate.margin, gate.worse());
    if needed.is_finite() {
        return format!("; needs {} users on the canary", thousands(needed));
    }
    "; no number of users is enough for this margin".to_owned()
}

/// A row of cells; a space after each stands where a bracket would, and one always stands before.
fn columns(cells: impl IntoIterator<Item = String>) -> String {
    cells.into_iter().fold(String::new(), |row, cell| format!("{row} {cell:>15}"))
}

/// Ends a line without the spaces that nobody sees.
fn line(text: &mut String, line: &str) -> fmt::Result {
    writeln!(text, "{}", line.trim_end())
}

/// Two times: in brackets where the second comes too late.
fn cell(sight: &Sight, step: &Step) -> String {
    let Ok(when) = sight.when else { return "- ".to_owned() };
    let least = if when.at_least { "≥" } else { "" };
    let (half, ninety) = (minutes(when.half_seconds), minutes(when.ninety_seconds));
    if when.ninety_seconds <= step.lasts.seconds {
        format!("{least}{half}/{ninety} ")
    } else {
        format!("({least}{half}/{ninety})")
    }
}

const fn because(because: Because) -> &'static str {
    match because {
        Because::Bake => "",
        Because::MinRequests => "  until it has its requests",
        Because::Detect => "  until it can detect",
        Because::AtMost => "  its longest time: it cannot detect",
    }
}

const fn beyond(worse: Worse) -> &'static str {
    match worse {
        Worse::Higher => "above",
        Worse::Lower => "below",
    }
}

const fn reason(why: Blind) -> &'static str {
    match why {
        Blind::NoComparison => "never: nobody is on stable to compare with",
        Blind::WithinMargin => "never: it is within the margin",
        Blind::NearMargin => "never: it is too near to the margin",
        Blind::BeyondAll => "never: stable's rate leaves no room for it",
    }
}

fn whole_seconds(seconds: f64) -> String {
    duration::format(core::time::Duration::from_secs_f64(seconds.round().clamp(0.0, 1e12)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_never_run_together() {
        let row = columns(["2.2/2.2 ".to_owned(), "(696,921/1,520,728)".to_owned()]);
        assert_eq!(row, "        2.2/2.2  (696,921/1,520,728)");
    }
}
