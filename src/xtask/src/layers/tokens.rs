//! As much of Rust's lexical structure as it takes to tell code from comments and strings.

/// A name, `::`, or a single other character, with its line.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    /// Whether it is an identifier or a keyword.
    pub(super) fn is_name(&self) -> bool {
        self.text.starts_with(is_name_character)
    }
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The tokens of a source file without comments, strings, characters and lifetimes.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = if let Some(length) = blank_length(rest) {
            (length, false)
        } else if is_name_character(first) {
            (rest.find(|c| !is_name_character(c)).unwrap_or(rest.len()), true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (text, after) = rest.split_at(length);
        if is_code {
            tokens.push(Token { text: text.to_owned(), line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the comment, string, character or lifetime at the start, if there is one.
fn blank_length(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment_length(text));
    }
    if text.starts_with('\'') {
        return Some(quote_length(text));
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let (letters, body) = text.split_at(prefix);
    if letters.contains('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let (hashes, body) = body.split_at(hashes);
        if let Some(content) = body.strip_prefix('"') {
            let end = format!("\"{hashes}");
            let length = content.find(&end).map_or(content.len(), |at| at + end.len());
            return Some(text.len() - content.len() + length);
        }
        return None;
    }
    let content = body.strip_prefix('"')?;
    Some(text.len() - content.len() + escaped_length(content, '"'))
}

/// The length up to and with the closing quote, where a backslash hides the next character.
fn escaped_length(content: &str, quote: char) -> usize {
    let mut characters = content.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + quote.len_utf8();
        }
    }
    content.len()
}

/// `'a'` and `'\n'` are characters; `'a` without a closing quote is a lifetime.
fn quote_length(text: &str) -> usize {
    let content = text.get(1..).unwrap_or_default();
    let mut characters = content.chars();
    let first = characters.next();
    if first == Some('\\') || characters.next() == Some('\'') {
        return 1 + escaped_length(content, '\'');
    }
    1 + content.find(|c| !is_name_character(c)).unwrap_or(content.len())
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            first.len_utf8()
        };
        rest = rest.get(step..).unwrap_or_default();
        if depth == 0 {
            break;
        }
    }
    text.len() - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn names_paths_and_signs() {
        assert_eq!(texts("use std::fs;"), ["use", "std", "::", "fs", ";"]);
    }

    #[test]
    fn strings_and_comments_vanish() {
        assert_eq!(texts(r##"a "x\"y" b"z" r#"q"w"# c // d"##), ["a", "c"]);
        assert_eq!(texts("a /* b /* c */ d */ e"), ["a", "e"]);
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(texts(r#"'"' a '\'' b '{' c"#), ["a", "b", "c"]);
        assert_eq!(texts("&'a str"), ["&", "str"]);
    }

    #[test]
    fn a_name_may_start_like_a_raw_string() {
        assert_eq!(texts("crate br r#type"), ["crate", "br", "r", "#", "type"]);
    }

    #[test]
    fn lines_are_counted_through_what_vanishes() {
        let lines: Vec<usize> = tokens("a\n\"\n\n\"\nb").iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 5]);
    }
}
