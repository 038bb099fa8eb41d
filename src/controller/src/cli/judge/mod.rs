//! `serin judge`: the judge on a stream of counts, for scripts and for checking it.
//!
//! One JSON line in is one interval, and one JSON line out. The evidence is that of the controller's
//! gates (the same crate), without their skipped start and without the guard over it.

mod answer;
mod line;

use std::io::{self, BufRead, Read as _, Write};

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use serin_judge::{Alpha, Dispersion, Margin, OutOfRange, SetAside, Share, Worse};

use self::answer::Judge;
use self::line::Stream;
use super::{Exit, Failure};

/// Judge counts that come as JSON lines on standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line is an interval of one gate: requests and events of canary (nc, xc) and stable (ns, xs).
  {\"gate\": \"errors\", \"nc\": 1200, \"xc\": 12, \"ns\": 22800, \"xs\": 114}
With cohorts, each is [nc, xc, ns, xs], and nc, xc, ns, xs beside them, if there are any, count the
requests without an identity. The first line fixes the gate and the number of cohorts.
  {\"gate\": \"errors\", \"cohorts\": [[600, 2, 11400, 57], [600, 10, 11400, 57]]}

Each is answered at once by a line with all evidence so far; what does not exist is null:
  log_e              ln E with restarts          log_e_plain      ln E without them
  log_e_worst        the smallest without any    log_e_worst_two  the same without any
                     one cohort                                   two cohorts
  log_floor          ln E that the canary's own rate is above the floor
  ratio              the likeliest ratio canary/stable; ratio_low and ratio_high: its confidence
                     sequence at 1 - alpha
  detectable_ratio   the smallest one that is seen in so many intervals with 90 %
  verdict            rollback: the evidence, without as many cohorts as --set-aside says, has
                     reached 1/alpha once, with the floor met; hold: it is at least 10, or there
                     are no requests of both sides yet; else pass

The lines of `serin explain --intervals` have two fields more: with \"skipped\": true an interval
counts as an empty one; \"at\" is for people.

A line that does not fit ends it with the line's number and exit code 2.

Example:
  echo '{\"gate\": \"errors\", \"nc\": 1200, \"xc\": 30, \"ns\": 22800, \"xs\": 114}' | serin judge")]
pub struct Args {
    /// The ratio canary/stable that still passes; 1.1, or 0.95 with --worse lower, if not given.
    #[arg(long, value_name = "RATIO", value_parser = number(Margin::try_new))]
    rho0: Option<Margin>,
    /// Which way the canary would be worse: higher for errors, lower for conversions.
    #[arg(long, value_enum, default_value_t)]
    worse: Direction,
    /// The highest probability of a rollback by chance.
    #[arg(long, value_name = "SHARE", value_parser = number(Alpha::try_new), default_value_t)]
    alpha: Alpha,
    /// The rate that the canary's own must be above; 0 for none. 0.001 if not given, and none with
    /// --worse lower.
    #[arg(long, value_name = "SHARE", value_parser = number(floor))]
    floor: Option<Floor>,
    /// How strongly events clump: every one counts 1/phi.
    #[arg(long, value_parser = number(Dispersion::try_new), default_value_t = Dispersion::NONE)]
    phi: Dispersion,
    /// How many of the worst cohorts the verdict does without: 0, 1 or 2.
    #[arg(long, value_name = "COHORTS", value_parser = set_aside, default_value = "1")]
    set_aside: SetAside,
}

/// [`Worse`] as an option's value.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Direction {
    #[default]
    Higher,
    Lower,
}

/// A floor that was asked for, or that none is wanted.
#[derive(Clone, Copy, Debug)]
struct Floor(Option<Share>);

/// A line longer than this is none of counts.
const LONGEST_LINE: u64 = 1 << 20;

/// Runs the command.
///
/// # Errors
/// [`Exit::Usage`] for the first line that does not fit, and failing input or output.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    judge(args, io::stdin().lock(), io::stdout().lock())?;
    Ok(Exit::Ok)
}

/// Answers line by line.
fn judge(args: &Args, mut input: impl BufRead, out: impl Write) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(out);
    let (mut stream, mut judge) = (Stream::default(), Judge::new(args.rule()));
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let mut limited = input.by_ref().take(LONGEST_LINE + 1);
        if limited.read_until(b'\n', &mut line).context("standard input")? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let interval = if text.len() as u64 > LONGEST_LINE {
            Err(anyhow!("it has more than {LONGEST_LINE} bytes, which is the most a line may have"))
        } else {
            stream.interval(text)
        };
        let interval = interval.with_context(|| format!("standard input, line {number}"));
        let answer = judge.take(&interval.map_err(|error| Failure::new(Exit::Usage, error))?);
        serde_json::to_writer(&mut out, &answer).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        // Whoever reads may wait for each answer.
        out.flush()?;
    }
    Ok(())
}

impl Args {
    fn rule(&self) -> answer::Rule {
        let worse = match self.worse {
            Direction::Higher => Worse::Higher,
            Direction::Lower => Worse::Lower,
        };
        let default_floor = match worse {
            Worse::Higher => Some(Share::DEFAULT_FLOOR),
            Worse::Lower => None,
        };
        answer::Rule {
            worse,
            margin: self.rho0.unwrap_or(Margin::default_for(worse)),
            alpha: self.alpha,
            floor: self.floor.map_or(default_floor, |floor| floor.0),
            phi: self.phi,
            set_aside: self.set_aside,
        }
    }
}

/// Parses a number that a type checks.
fn number<T>(
    check: impl Fn(f64) -> Result<T, OutOfRange> + Clone,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number: f64 =
            text.parse().map_err(|_| "a number is wanted, such as 0.05".to_owned())?;
        check(number).map_err(|error| error.to_string())
    }
}

fn floor(number: f64) -> Result<Floor, OutOfRange> {
    if number == 0.0 { Ok(Floor(None)) } else { Share::try_new(number).map(Some).map(Floor) }
}

fn set_aside(text: &str) -> Result<SetAside, String> {
    match text {
        "0" => Ok(SetAside::None),
        "1" => Ok(SetAside::One),
        "2" => Ok(SetAside::Two),
        _ => Err("0, 1 or 2 cohorts can be set aside".to_owned()),
    }
}

#[cfg(test)]
mod tests;
