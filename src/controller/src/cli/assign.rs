//! `serin assign`: which users get the canary.

use std::ffi::OsString;
use std::io::{self, BufRead, BufWriter, Write};

use serin_assignment::{Assignment, Bucket, Salt, Variant, Weight, assign};
use serin_document::Buckets;

use super::ids::{Ids, to_hex, warn_of};
use super::{Exit, Failure, Output};

/// Print which users get the canary.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ids are bytes and are not changed. With --output json each line is an object such as
  {\"user\": \"alice\", \"bucket\": 986, \"cohort\": 5, \"variant\": \"stable\"}
An id that is not UTF-8 stands there as {\"user\": {\"hex\": \"ff00\"}, …}; with --hex all ids are
read and written as hexadecimal text.

What the filter reads elsewhere than in a header, cookie or parameter is this id:
  address          203.0.113.7, or the network that counts: 2001:db8::/64, 203.0.113.0/24
  token's claim    its text; of a number the digits (4711), of a boolean true or false
  baggage          the member's value, percent-decoded
  generated        the cookie's value, 32 hexadecimal digits")]
pub struct Args {
    /// The release's salt.
    #[arg(long)]
    salt: Salt,
    /// The canary's share, such as 5% or 0.25%.
    #[arg(long)]
    weight: Weight,
    /// The part of the users that the weight counts from, such as 30%-60%.
    #[arg(long, value_parser = buckets, default_value = "0%-100%")]
    buckets: Buckets,
    /// How to print: a table, or one JSON object a line.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    ids: Ids,
}

fn buckets(text: &str) -> Result<Buckets, String> {
    let ends =
        text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let range = ends.and_then(|(from, to)| Buckets::new(from, to));
    range.ok_or_else(|| {
        "a part of the users is two percentages that rise, such as 30%-60%".to_owned()
    })
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
    warn_of(print(args, &mut io::stdin().lock(), out)?);
    Ok(Exit::Ok)
}

/// Prints all users and gives the number of lines that ended with `\r\n`.
fn print(args: &Args, input: &mut impl BufRead, out: impl Write) -> Result<u64, Failure> {
    let mut printer = Printer { args, width: width(args), out };
    printer.head()?;
    let carriage_returns = args.ids.each(input, |id| printer.user(id))?;
    printer.out.flush()?;
    Ok(carriage_returns)
}

fn width(args: &Args) -> usize {
    let of = |user: &OsString| if user == "-" { USUAL_ID_WIDTH } else { user.len() };
    args.ids.users.iter().map(of).max().unwrap_or_default().max("USER".len())
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
            _ if self.args.ids.hex => write!(self.out, "\"{}\"", to_hex(id))?,
            Ok(text) => serde_json::to_writer(&mut self.out, text)?,
            Err(_) => write!(self.out, "{{\"hex\": \"{}\"}}", to_hex(id))?,
        }
        let Assignment { bucket, cohort } = placed;
        let variant = self.variant(bucket);
        writeln!(
            self.out,
            ", \"bucket\": {bucket}, \"cohort\": {cohort}, \"variant\": \"{variant}\"}}"
        )
    }

    /// Who is outside the part of the users is on stable.
    fn variant(&self, bucket: Bucket) -> Variant {
        self.args.buckets.place(bucket, self.args.weight).unwrap_or(Variant::Stable)
    }

    fn row(&mut self, id: &[u8], placed: Assignment) -> io::Result<()> {
        let shown = match str::from_utf8(id) {
            _ if self.args.ids.hex => to_hex(id),
            // A control character would do more to a terminal than be shown.
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            _ => format!("0x{}", to_hex(id)),
        };
        let Assignment { bucket, cohort } = placed;
        let variant = self.variant(bucket);
        let width = self.width;
        writeln!(self.out, "{shown:width$}  {bucket:>6}  {cohort:>6}  {variant}")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn args(hex: bool, output: Output, users: &[&[u8]]) -> Args {
        Args {
            salt: "s".parse().unwrap(),
            weight: "50%".parse().unwrap(),
            buckets: Buckets::ALL,
            output,
            ids: Ids {
                hex,
                users: users.iter().map(|user| OsString::from_vec(user.to_vec())).collect(),
            },
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
    fn a_part_of_the_users_counts_from_its_beginning() {
        let mut args = args(false, Output::Json, &[b"alice", b"bob"]);
        let variants = |args: &Args| -> Vec<bool> {
            printed(args, b"").0.lines().map(|line| line.contains("canary")).collect()
        };
        let [alice, bob] =
            [b"alice".as_slice(), b"bob"].map(|id| assign(&"s".parse().unwrap(), id).bucket.get());
        args.weight = "0.01%".parse().unwrap();
        for (id, expected) in [(alice, [true, false]), (bob, [false, true])] {
            let [from, to] = [id, id + 1].map(|end| Weight::from_basis_points(end).unwrap());
            args.buckets = buckets(&format!("{from}-{to}")).unwrap();
            assert_eq!(variants(&args), expected);
        }
        for bad in ["", "30%", "60%-30%", "30%-30%", "30-60", "0%-101%"] {
            assert!(buckets(bad).is_err(), "{bad}");
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
