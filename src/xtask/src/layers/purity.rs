//! Finds input, output and clocks in the source of a crate that must only compute.
//!
//! This is a scan and no `disallowed-methods` of clippy: that list names single functions, and
//! there are hundreds below `std::fs` alone, of which one left out would be let through. The scan
//! knows paths, groups in braces, comments, strings, and items under `#[cfg(test)]`. It reads no
//! macros and follows no aliases: it is there against slips, not against intent.

use super::tokens::{Token, tokens};

const FORBIDDEN: [&str; 8] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
];

/// A forbidden path, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) path: String,
}

/// All forbidden paths of a source file outside its tests.
pub(super) fn faults(source: &str) -> Vec<Fault> {
    let tokens = without_tests(tokens(source));
    let mut faults = Vec::new();
    let mut rest = tokens.as_slice();
    let mut follows_name = false;
    while let Some((token, after)) = rest.split_first() {
        let is_path = after.first().is_some_and(|next| next.text == "::");
        if is_path && (token.text == "std" || token.text == "tokio") {
            let mut paths = Vec::new();
            rest = expand(rest, "", &mut paths);
            faults.extend(paths.into_iter().filter(|fault| is_forbidden(&fault.path)));
        } else if token.text == "::" && follows_name {
            // `my::tokio::fs` is another crate's, `::std::fs` is not.
            rest = after.get(1..).unwrap_or_default();
            continue;
        } else {
            rest = after;
        }
        follows_name = token.is_name();
    }
    faults
}

/// `std::time` as a whole is forbidden too: what is used of it later would go unseen.
fn is_forbidden(path: &str) -> bool {
    let below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    FORBIDDEN.iter().any(|forbidden| {
        below(path, forbidden)
            || path.strip_suffix("::*").is_some_and(|module| below(forbidden, module))
            || (path != "std" && below(forbidden, path))
    })
}

/// Reads one path with its groups in braces, adds each full path, and gives what follows it.
fn expand<'a>(tokens: &'a [Token], prefix: &str, paths: &mut Vec<Fault>) -> &'a [Token] {
    let mut path = prefix.to_owned();
    let mut rest = tokens;
    let mut line = 0;
    while let Some((token, after)) = rest.split_first() {
        line = token.line;
        if token.text == "{" && (path.is_empty() || path.ends_with("::")) {
            return expand_group(after, &path, paths);
        }
        if token.is_name() || token.text == "*" {
            if token.text == "self" {
                path.truncate(path.trim_end_matches(':').len());
            } else {
                path.push_str(&token.text);
            }
            rest = after;
        }
        match rest.split_first() {
            Some((next, after)) if next.text == "::" => {
                path.push_str("::");
                rest = after;
                // `collect::<T>()` ends the path as well.
                let goes_on =
                    after.first().is_some_and(|t| t.is_name() || t.text == "*" || t.text == "{");
                if !goes_on {
                    path.truncate(path.len().saturating_sub(2));
                    break;
                }
            }
            _ => break,
        }
    }
    paths.push(Fault { line, path });
    rest
}

fn expand_group<'a>(tokens: &'a [Token], prefix: &str, paths: &mut Vec<Fault>) -> &'a [Token] {
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = match token.text.as_str() {
            "}" => return after,
            "{" => expand_group(after, prefix, paths),
            "as" => after.get(1..).unwrap_or_default(),
            _ if token.is_name() || token.text == "*" => expand(rest, prefix, paths),
            _ => after,
        };
    }
    rest
}

/// Drops each item that `#[cfg(test)]` stands before.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    let mut matched = 0;
    while let Some(token) = tokens.next() {
        matched = match MARK.get(matched) {
            Some(expected) if token.text == *expected => matched + 1,
            _ => usize::from(token.text == "#"),
        };
        kept.push(token);
        if matched < MARK.len() {
            continue;
        }
        matched = 0;
        kept.truncate(kept.len().saturating_sub(MARK.len()));
        let mut depth = 0_usize;
        for token in tokens.by_ref() {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && (token.text == "}" || token.text == ";") {
                break;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        faults(source).into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn a_plain_use_is_found_with_its_line() {
        let fault = Fault { line: 2, path: "std::fs::File".to_owned() };
        assert_eq!(faults("//! Doc.\nuse std::fs::File;"), [fault]);
    }

    #[test]
    fn a_path_in_an_expression_is_found() {
        assert_eq!(paths("let t = std::time::Instant::now();"), ["std::time::Instant::now"]);
        assert_eq!(paths("let t = ::std::env::var(\"A\");"), ["std::env::var"]);
        assert_eq!(paths("tokio::spawn(x); ::tokio::spawn(x)"), ["tokio::spawn", "tokio::spawn"]);
    }

    #[test]
    fn groups_are_opened() {
        let source = "use std::{collections::HashMap, time::{Duration, SystemTime as S}, net};";
        assert_eq!(paths(source), ["std::time::SystemTime", "std::net"]);
        assert_eq!(paths("use {std::thread, serde::Serialize};"), ["std::thread"]);
        assert_eq!(paths("use std::{fs::{self, File}};"), ["std::fs", "std::fs::File"]);
    }

    #[test]
    fn a_module_that_hides_a_forbidden_item_is_found() {
        assert_eq!(paths("use std::time;"), ["std::time"]);
        assert_eq!(paths("use std::time::*;"), ["std::time::*"]);
        assert_eq!(paths("use std::*;"), ["std::*"]);
    }

    #[test]
    fn what_only_computes_is_left_alone() {
        let source = "use std::time::Duration; use std::{fmt, net_like::X};\n\
            fn f<'a>(x: &'a str) -> std::fmt::Result { it.collect::<Vec<_>>(); my::tokio::go(); a::b::std::fs() }";
        assert_eq!(paths(source), [""; 0]);
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        let source = "// std::fs::read\n/* std::net /* nested */ std::env */\n\
            let a = \"std::fs \\\" std::fs\"; let b = r#\"std::net\"#; let c = '\"'; /// std::env";
        assert_eq!(paths(source), [""; 0]);
    }

    #[test]
    fn tests_are_free_and_what_follows_them_is_not() {
        let source = "#[cfg(test)]\nmod tests { use std::fs; fn f() { {} } }\n\
            #[cfg(test)] use std::env;\nuse std::net;";
        assert_eq!(faults(source), [Fault { line: 4, path: "std::net".to_owned() }]);
    }
}
