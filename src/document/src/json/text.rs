//! Texts as JSON writes them: read, and written for errors.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::{self, Write as _};

use super::scan::Problem;

/// What stands between the quotes; the grammar holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<'t>(pub(super) &'t str);

impl<'t> Text<'t> {
    /// The text that is meant, which is in place where nothing is escaped.
    ///
    /// # Errors
    /// It has half a surrogate pair, which is no character.
    pub(crate) fn decode(self) -> Result<Cow<'t, str>, Problem> {
        if !self.0.contains('\\') {
            return Ok(Cow::Borrowed(self.0));
        }
        let mut text = String::with_capacity(self.0.len());
        let mut rest = self.0.chars();
        while let Some(char) = rest.next() {
            text.push(if char == '\\' { escaped(&mut rest).ok_or(HALF)? } else { char });
        }
        Ok(Cow::Owned(text))
    }
}

const HALF: Problem = "half a surrogate pair is no character";

/// The character that an escape stands for, after its backslash.
fn escaped(rest: &mut core::str::Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = unit(rest)?;
            if !(0xd800..0xdc00).contains(&first) {
                return char::from_u32(first);
            }
            // A character beyond the first 65,536 is two units.
            if (rest.next(), rest.next()) != (Some('\\'), Some('u')) {
                return None;
            }
            let second = unit(rest)?.checked_sub(0xdc00).filter(|second| *second < 0x400)?;
            return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second);
        }
        // A quote, a slash or a backslash.
        itself => itself,
    })
}

/// Four hexadecimal digits.
fn unit(rest: &mut core::str::Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit << 4 | rest.next()?.to_digit(16)?;
    }
    Some(unit)
}

/// A text as it stands between quotes, on one line whatever is in it.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                _ if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
                _ => f.write_char(char)?,
            }
        }
        Ok(())
    }
}
