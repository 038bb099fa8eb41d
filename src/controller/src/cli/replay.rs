//! `serin replay`: the decisions that would have been taken over a stretch of history.
//!
//! What is decided is decided by the engine's own pure function ([`course`]); this file reads
//! history and prints. Nothing else is touched: no state, no document, no traffic.

mod course;
mod plot;
mod session;
mod time;
mod view;

use core::time::Duration;
use std::path::PathBuf;

use anyhow::anyhow;
use terminal_size::{Width, terminal_size};

use super::history::{self, History};
use super::{Exit, Failure, Output, block_on};
use crate::engine::Clock;
use crate::prometheus::Address;
use crate::release::Release;
use time::When;
use view::Page;

/// The width of a picture where no terminal tells one.
const USUAL_WIDTH: usize = 100;

/// Show the decisions that would have been taken over a stretch of history; nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The rollout starts at --start and looks once a scrape. The counts are those of history, whatever
weight the replayed rollout has by then. What history cannot tell is taken as given: a weight is live
at once, both sides have endpoints and serve what is marked for them, and where a step waits for a
person, that person agrees at once. A step's minimum of requests goes by the gates' own counts.

Times are RFC 3339 (2026-03-01T12:00:00Z), `now`, or before it (-48h). The exit code is 0 whatever
was decided.")]
pub(super) struct Args {
    /// The release file.
    file: PathBuf,
    /// The Prometheus that has the history [default: the release's own]
    #[arg(long, value_name = "URL")]
    prometheus: Option<Address>,
    /// How often it scraped [default: what the release says, or 15s]
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    scrape_interval: Option<Duration>,
    /// When the rollout starts.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: When,
    /// When history ends.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "now")]
    end: When,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// An invalid release file, times that are none, and a Prometheus that does not answer.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let release = Release::load(&args.file)?;
    let now_ms = Clock::system().wall_ms();
    let usage = |why: String| Failure::new(Exit::Usage, anyhow!(why));
    let start_ms = args.start.at(now_ms).map_err(|why| usage(format!("--start {why}")))?;
    let end_ms = args.end.at(now_ms).map_err(|why| usage(format!("--end {why}")))?;
    if start_ms >= end_ms {
        let (start, end) = (time::show(start_ms), time::show(end_ms));
        return Err(usage(format!("--start {start} is not before --end {end}")));
    }
    if end_ms > now_ms {
        let end = time::show(end_ms);
        return Err(usage(format!("--end {end}: it lies in the future")));
    }
    let mut settings = history::settings(&release, args.prometheus.as_ref())?;
    settings.scrape_interval = args.scrape_interval.unwrap_or(settings.scrape_interval);
    let course = block_on(async {
        let history = History::new(&release, settings, start_ms, end_ms).await?;
        session::replay(&release, history, (start_ms, end_ms)).await
    })??;
    let page = Page { release: &release, course: &course, start_ms, end_ms };
    match args.output {
        Output::Json => super::print(&format!("{}\n", page.json()))?,
        Output::Text => {
            let width = terminal_size().map_or(USUAL_WIDTH, |(Width(width), _)| width.into());
            super::print(&page.text(width)?)?;
        }
    }
    Ok(Exit::Ok)
}
