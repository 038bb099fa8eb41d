//! The log of a command that runs on.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How to write it.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Writes the log to standard error from now on.
pub(super) fn log(format: LogFormat) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .with_env_var("SERIN_LOG")
        .from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    match format {
        LogFormat::Text => log.with_ansi(colours).with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
