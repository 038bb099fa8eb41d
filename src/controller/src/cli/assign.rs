//! `serin assign`: which users get the canary.
//!
//! Ids are bytes. On standard input a line ends with `\n`, and nothing else is taken off: a `\r`
//! before it is part of the id, as a proxy would see it, and is warned of. A last line without `\n`
//! counts; an empty line is an empty id.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, BufRead, BufWriter, Write};
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, anyhow};
use serin_assignment::{Assignment, Salt, Weight, assign};

use super::{Exit, Failure, Output};

/// Print which users get the canary.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ids are bytes and are not changed. With --output json each line is an object such as
  {\"user\": \"alice\", \"bucket\": 986, \"cohort\": 5, \"variant\": \"stable\"}
An id that is not UTF-8 stands there as {\"user\": {\"hex\": \"ff00\"}, …}; with --hex all ids are
read and written as hexadecimal text.")]
pub struct Args {
    /// The release's salt.
    #[arg(long)]
    salt: Salt,
    /// The canary's share, such as 5% or 0.25%.
    #[arg(long)]
    weight: Weight,
    /// Ids are hexadecimal bytes, and are printed so.
    #[arg(long)]
    hex: bool,
    /// How to print: a table, or one JSON object a line.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The users' ids; `-` reads them from standard input, one a line.
    #[arg(value_name = "USER", required = true)]
    users: Vec<OsString>,
}

/// The width of ids in a table of unknown length: a UUID's.
const USUAL_ID_WIDTH: usize = 36;

/// Bytes that are collected before they are written: a pipe's usual size.
const BUFFER_BYTES: usize = 64 * 1024;

/// Runs the command.
///
/// # Errors
/// An id that is not hexadecimal with `--hex`, and failing input or output.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    let carriage_returns = print(args, &mut io::stdin().lock(), out)?;
    if carriage_returns > 0 {
        anstream::eprintln!(
            "warning: \\r at the end of {carriage_returns} lines was taken as part of the id; \
             remove it (tr -d '\\r') if the ids in requests have none"
        );
    }
    Ok(Exit::Ok)
}

/// Prints all users and gives the number of lines that ended with `\r\n`.
fn print(args: &Args, input: &mut impl BufRead, out: impl Write) -> Result<u64, Failure> {
    let mut printer = Printer { args, width: width(args), out };
    printer.head()?;
    let mut carriage_returns = 0;
    for (index, user) in args.users.iter().enumerate() {
        if user != "-" {
            let id = printer.decode(user.as_bytes(), || format!("user {}", index + 1));
            printer.user(&id.map_err(|error| Failure::new(Exit::Usage, error))?)?;
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
            carriage_returns += u64::from(!args.hex && id.ends_with(b"\r"));
            let id = printer.decode(id, || format!("standard input, line {number}"))?;
            printer.user(&id)?;
        }
    }
    printer.out.flush()?;
    Ok(carriage_returns)
}

fn width(args: &Args) -> usize {
    let of = |user: &OsString| if user == "-" { USUAL_ID_WIDTH } else { user.len() };
    args.users.iter().map(of).max().unwrap_or_default().max("USER".len())
}

struct Printer<'a, W> {
    args: &'a Args,
    width: usize,
    out: W,
}

impl<W: Write> Printer<'_, W> {
    fn head(&mut self) -> io::Result<()> {
        match self.args.output {
            Output::Json => Ok(()),
            Output::Text => writeln!(
                self.out,
                "{:width$}  {:>6}  {:>6}  VARIANT",
                "USER",
                "BUCKET",
                "COHORT",
                width = self.width
            ),
        }
    }

    /// The id that was given, as bytes.
    fn decode<'i>(
        &self,
        given: &'i [u8],
        place: impl FnOnce() -> String,
    ) -> anyhow::Result<Cow<'i, [u8]>> {
        if !self.args.hex {
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

    fn user(&mut self, id: &[u8]) -> io::Result<()> {
        let placed = assign(&self.args.salt, id);
        match self.args.output {
            Output::Json => self.object(id, placed),
            Output::Text => self.row(id, placed),
        }
    }

    fn object(&mut self, id: &[u8], placed: Assignment) -> io::Result<()> {
        self.out.write_all(b"{\"user\": ")?;
        match str::from_utf8(id) {
            _ if self.args.hex => write!(self.out, "\"{}\"", to_hex(id))?,
            Ok(text) => serde_json::to_writer(&mut self.out, text)?,
            Err(_) => write!(self.out, "{{\"hex\": \"{}\"}}", to_hex(id))?,
        }
        let Assignment { bucket, cohort } = placed;
        let variant = placed.variant(self.args.weight);
        writeln!(
            self.out,
            ", \"bucket\": {bucket}, \"cohort\": {cohort}, \"variant\": \"{variant}\"}}"
        )
    }

    fn row(&mut self, id: &[u8], placed: Assignment) -> io::Result<()> {
        let shown = match str::from_utf8(id) {
            _ if self.args.hex => to_hex(id),
            // A control character would do more to a terminal than be shown.
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            _ => format!("0x{}", to_hex(id)),
        };
        let Assignment { bucket, cohort } = placed;
        let variant = placed.variant(self.args.weight);
        let width = self.width;
        writeln!(self.out, "{shown:width$}  {bucket:>6}  {cohort:>6}  {variant}")
    }
}

fn to_hex(bytes: &[u8]) -> String {
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

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn args(hex: bool, output: Output, users: &[&[u8]]) -> Args {
        Args {
            salt: "s".parse().unwrap(),
            weight: "50%".parse().unwrap(),
            hex,
            output,
            users: users.iter().map(|user| OsString::from_vec(user.to_vec())).collect(),
        }
    }

    fn printed(args: &Args, mut input: &[u8]) -> (String, u64) {
        let mut out = Vec::new();
        let carriage_returns = print(args, &mut input, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), carriage_returns)
    }

    fn object(user: &str, id: &[u8]) -> String {
        let placed = assign(&"s".parse().unwrap(), id);
        let variant = placed.variant("50%".parse().unwrap());
        format!(
            "{{\"user\": {user}, \"bucket\": {}, \"cohort\": {}, \"variant\": \"{variant}\"}}\n",
            placed.bucket, placed.cohort
        )
    }

    #[test]
    fn a_line_is_an_object() {
        let args = args(false, Output::Json, &[b"alice", b"a\"b", b"\xff\x00"]);
        let expected = [
            object("\"alice\"", b"alice"),
            object("\"a\\\"b\"", b"a\"b"),
            object("{\"hex\": \"ff00\"}", b"\xff\x00"),
        ];
        assert_eq!(printed(&args, b""), (expected.concat(), 0));
    }

    #[test]
    fn ids_from_input_are_bytes_up_to_the_line_end() {
        let args = args(false, Output::Json, &[b"-"]);
        let expected =
            [object("\"a\\r\"", b"a\r"), object("\"\"", b""), object("{\"hex\": \"fe\"}", b"\xfe")];
        assert_eq!(printed(&args, b"a\r\n\n\xfe"), (expected.concat(), 1));
    }

    #[test]
    fn hexadecimal_ids_are_the_same_ids() {
        let args = args(true, Output::Json, &[b"616C", b"-"]);
        let expected = [object("\"616c\"", b"al"), object("\"ff\"", b"\xff")];
        assert_eq!(printed(&args, b" ff \r\n"), (expected.concat(), 0));
    }

    #[test]
    fn what_is_no_hexadecimal_is_refused_with_its_place() {
        for (users, input, exit, place) in [
            (&[&b"61"[..], b"6"][..], &b""[..], Exit::Usage, "user 2: \"6\""),
            (&[b"-"], b"61\nzz\n", Exit::Failed, "standard input, line 2: \"zz\""),
        ] {
            let args = args(true, Output::Json, users);
            let failure = print(&args, &mut &*input, io::sink()).unwrap_err();
            assert_eq!(failure.exit(), exit);
            assert!(format!("{failure:?}").contains(place), "{failure:?}");
        }
    }

    #[test]
    fn a_table_lines_up_and_shows_no_control_characters() {
        let args = args(false, Output::Text, &[b"alice", b"\x1b[2J"]);
        let (table, _) = printed(&args, b"");
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "USER   BUCKET  COHORT  VARIANT");
        assert!(lines[1].starts_with("alice  "), "{table}");
        assert!(lines[2].starts_with("0x1b5b324a  "), "{table}");
    }
}
