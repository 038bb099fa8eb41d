//! `serin users`: the hashes by which a release lists users.

use std::io::{self, BufRead, BufWriter, Write};

use serin_assignment::Salt;
use serin_document::UserHash;

use super::ids::{Ids, warn_of};
use super::{Exit, Failure};

/// Print users as a release's `users` lists them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line is the first 16 bytes of SHA-256(salt \":\" id) as 32 hexadecimal digits, in the order of
the ids. Ids are bytes and are not changed.")]
pub(super) struct Args {
    /// The lists' salt: `spec.assignment.users.salt`.
    #[arg(long)]
    salt: Salt,
    #[command(flatten)]
    ids: Ids,
}

/// Runs the command.
///
/// # Errors
/// An id that is not hexadecimal with `--hex`, and failing input or output.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let out = BufWriter::new(io::stdout().lock());
    warn_of(print(args, &mut io::stdin().lock(), out)?);
    Ok(Exit::Ok)
}

fn print(args: &Args, input: &mut impl BufRead, mut out: impl Write) -> Result<u64, Failure> {
    let carriage_returns =
        args.ids.each(input, |id| writeln!(out, "{}", UserHash::of(&args.salt, id)))?;
    out.flush()?;
    Ok(carriage_returns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '%s' 'shop-team:alice' | sha256sum | cut -c-32`, and so on.
    #[test]
    fn a_line_is_what_sha256sum_says() {
        let hashes = "8ef0a83dd7f131c3056c4757d873b7b9\n4c5febd81cc0ede04df1ff49af7dbd70\n";
        for (hex, users, mut input) in [
            (false, &["alice", "-"][..], &b"bob\n"[..]),
            (false, &["-"], b"alice\nbob"),
            (true, &["616c696365", "-"], b"626f62\r\n"),
        ] {
            let ids = Ids { hex, users: users.iter().map(Into::into).collect() };
            let args = Args { salt: "shop-team".parse().unwrap(), ids };
            let mut out = Vec::new();
            assert_eq!(print(&args, &mut input, &mut out).unwrap(), 0);
            assert_eq!(String::from_utf8(out).unwrap(), hashes);
        }
    }
}
