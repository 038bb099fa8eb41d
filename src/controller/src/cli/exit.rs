//! How a command ends.

use std::io;
use std::process::ExitCode;

/// What the exit code says. Documented in `serin --help`; never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It failed, or the input is invalid.
    Failed = 1,
    /// The command line is wrong, or a line that `serin judge` reads.
    Usage = 2,
    /// No such release; no counterpart for something that `serin convert` reads.
    NotFound = 3,
    /// The command does not fit the release's phase.
    Refused = 4,
    /// No controller answers at the address.
    Unreachable = 5,
    /// Another controller has the state.
    Held = 6,
    /// The controller wants a token, or another one.
    Denied = 7,
    /// `serin token verify` refuses the token.
    TokenRefused = 8,
}

impl Exit {
    /// The codes, as `--help` shows them.
    pub const HELP: &str = "\
Exit codes:
  0  done
  1  failed, or invalid input
  2  wrong command line, or a bad line of input to `serin judge`
  3  no such release, or `serin convert` left something out
  4  the command does not fit the release's phase
  5  no controller answers at --server
  6  another controller has the state
  7  the controller wants a token, or another one
  8  `serin token verify` refuses the token";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that did not do what it should, with the code to say so.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// A failure with another code than [`Exit::Failed`].
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// The code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong.
    #[must_use]
    pub const fn error(&self) -> &anyhow::Error {
        &self.error
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Exit::Failed, error)
    }
}

/// Ends a command: prints what went wrong and gives the code.
pub(super) fn end(done: Result<Exit, Failure>) -> ExitCode {
    let failure = match done {
        Ok(exit) => return exit.into(),
        Err(failure) => failure,
    };
    let pipe = failure.error.downcast_ref::<io::Error>().map(io::Error::kind);
    if pipe == Some(io::ErrorKind::BrokenPipe) {
        // Whoever read has what it wanted (`serin status | head`).
        return Exit::Ok.into();
    }
    let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    anstream::eprintln!("{style}error{style:#}: {:#}", failure.error);
    failure.exit.into()
}
