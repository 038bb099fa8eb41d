//! Users' ids on a command line: as arguments, or one a line on standard input.
//!
//! Ids are bytes. On standard input a line ends with `\n`, and nothing else is taken off: a `\r`
//! before it is part of the id, as a proxy would see it, and is warned of. A last line without `\n`
//! counts; an empty line is an empty id.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, anyhow};

use super::{Exit, Failure};

/// The ids that a command is about.
#[derive(Debug, clap::Args)]
pub(super) struct Ids {
    /// Ids are hexadecimal bytes, and are printed so.
    #[arg(long)]
    pub(super) hex: bool,
    /// The users' ids; `-` reads them from standard input, one a line.
    #[arg(value_name = "USER", required = true)]
    pub(super) users: Vec<OsString>,
}

impl Ids {
    /// Does something with each id, and gives the number of lines that ended with `\r\n`.
    ///
    /// # Errors
    /// An id that is not hexadecimal with `--hex`, failing input, and what `with` says.
    pub(super) fn each(
        &self,
        input: &mut impl BufRead,
        mut with: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, Failure> {
        let mut carriage_returns = 0;
        for (index, user) in self.users.iter().enumerate() {
            if user != "-" {
                let id = self.decode(user.as_bytes(), || format!("user {}", index + 1));
                with(&id.map_err(|error| Failure::new(Exit::Usage, error))?)?;
                continue;
            }
            let mut line = Vec::new();
            let mut number = 0_u64;
            loop {
                line.clear();
                let read = input.read_until(b'\n', &mut line).context("standard input")?;
                if read == 0 {
                    break;
                }
                number += 1;
                let id = line.strip_suffix(b"\n").unwrap_or(&line);
                carriage_returns += u64::from(!self.hex && id.ends_with(b"\r"));
                with(&self.decode(id, || format!("standard input, line {number}"))?)?;
            }
        }
        Ok(carriage_returns)
    }

    /// The id that was given, as bytes.
    fn decode<'i>(
        &self,
        given: &'i [u8],
        place: impl FnOnce() -> String,
    ) -> anyhow::Result<Cow<'i, [u8]>> {
        if !self.hex {
            return Ok(Cow::Borrowed(given));
        }
        from_hex(given).map(Cow::Owned).ok_or_else(|| {
            let given = String::from_utf8_lossy(given);
            anyhow!(
                "{}: {given:?}: with --hex an id is pairs of 0-9 and a-f, such as 616c",
                place()
            )
        })
    }
}

/// Says that lines ended with `\r\n`, where any did.
pub(super) fn warn_of(carriage_returns: u64) {
    if carriage_returns > 0 {
        anstream::eprintln!(
            "warning: \\r at the end of {carriage_returns} lines was taken as part of the id; \
             remove it (tr -d '\\r') if the ids in requests have none"
        );
    }
}

/// Bytes as hexadecimal text.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Spaces around it (and a `\r`) are no digits and mean nothing.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = text.trim_ascii().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
