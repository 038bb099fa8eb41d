//! Path prefixes: how the document names them and how a request's path is read.

use alloc::string::String;
use alloc::sync::Arc;

use serde::Deserialize;

use crate::checked::{Checked, checked_text, keep};
use crate::words;

/// The beginning of a path on segment boundaries: `/checkout` takes `/checkout` and `/checkout/pay`
/// but not `/checkouts`; `/` takes every path. Compared byte by byte, undecoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPrefix(Arc<str>);

impl PathPrefix {
    /// The longest prefix, in bytes: what the Gateway API allows.
    pub const MAX_LEN: usize = 1024;

    const RULE: &str = "a path prefix starts with '/' and has at most 1024 printable ASCII characters, the rest percent-encoded, without '?', '#', empty, '.' or '..' segments, such as /checkout";

    /// Drops one slash at its end, which would change nothing.
    fn check(text: &str) -> Checked<'_> {
        let prefix = if text == "/" { text } else { text.strip_suffix('/').unwrap_or(text) };
        let fits = prefix.len() <= Self::MAX_LEN
            && prefix.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#')
            && (text == "/" || segments_fit(prefix));
        keep(prefix, fits, Self::RULE)
    }

    /// `/`, which takes every path.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }
}

checked_text!(PathPrefix);

/// Envoy merges and resolves such segments where it is told to, so a prefix with them would depend
/// on that.
fn segments_fit(prefix: &str) -> bool {
    prefix
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(|segment| !matches!(segment, "" | "." | "..")))
}

/// A request's target, cut into what routes look at and what parameters stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The path, up to the first `?`.
    pub(crate) path: &'a [u8],
    /// The query without its `?`; empty where there is none.
    pub(crate) query: &'a [u8],
}

impl<'a> Target<'a> {
    /// Cuts a raw `:path`. What follows a `#` belongs to neither.
    #[inline]
    pub(crate) fn read(raw: &'a [u8]) -> Self {
        let (sent, _) = cut(raw, b'#');
        let (path, query) = cut(sent, b'?');
        Self { path, query }
    }
}

/// What stands before the first `mark`, and what after it (nothing where it is absent).
#[inline]
pub(crate) fn cut(bytes: &[u8], mark: u8) -> (&[u8], &[u8]) {
    let (before, after) = words::cut(bytes, mark);
    (before, after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_lose_the_slash_at_their_end() {
        for (given, read) in [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b%20c", "/a/b%20c")] {
            assert_eq!(PathPrefix::new(given).unwrap().as_str(), read);
        }
        assert_eq!(PathPrefix::root(), PathPrefix::new("/").unwrap());
        assert!(PathPrefix::new(&format!("/{}", "a".repeat(1023))).is_ok());
    }

    #[test]
    fn a_prefix_that_matches_no_path_is_refused() {
        let long = format!("/{}", "a".repeat(1024));
        for bad in [
            "", "a", "//", "/a//b", "/a//", "/.", "/a/..", "/a/./b", "/a?b", "/a#b", "/a b", "/ä",
            &long,
        ] {
            assert!(PathPrefix::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_target_is_cut_at_query_and_fragment() {
        for (raw, path, query) in [
            ("/a/b", "/a/b", ""),
            ("/a?x=1&y=2", "/a", "x=1&y=2"),
            ("/a?x=1?y", "/a", "x=1?y"),
            ("/a#f?x=1", "/a", ""),
            ("/a?x=1#f", "/a", "x=1"),
            ("", "", ""),
            ("*", "*", ""),
        ] {
            let target = Target { path: path.as_bytes(), query: query.as_bytes() };
            assert_eq!(Target::read(raw.as_bytes()), target, "{raw:?}");
        }
    }
}
