//! A request, and what stands in it where.

use std::collections::BTreeMap;
use std::time::Duration;

/// A request as the filter gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// All headers in their order, `:authority` and `:path` among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What the proxy knows besides, by the parts of its path with dots between them.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// What the proxy's random bytes are.
    pub random: [u8; 16],
    /// Since 1970.
    pub now: Duration,
}

impl Request {
    /// The first header of a name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// The host: in lower case, without port and without one dot at its end.
    pub(crate) fn host(&self) -> Vec<u8> {
        let mut host = self.header(":authority").unwrap_or_default();
        if let Some(colon) = host.iter().rposition(|byte| *byte == b':')
            && host.iter().skip(colon + 1).all(u8::is_ascii_digit)
        {
            host.truncate(colon);
        }
        if host.last() == Some(&b'.') {
            host.pop();
        }
        host.make_ascii_lowercase();
        host
    }

    /// The path, without query and fragment.
    pub(crate) fn path(&self) -> Vec<u8> {
        self.target().0
    }

    fn target(&self) -> (Vec<u8>, Vec<u8>) {
        let raw = self.header(":path").unwrap_or_default();
        let (sent, _fragment) = split(&raw, b'#');
        split(&sent, b'?')
    }

    /// The first cookie of a name, as sent.
    pub(crate) fn cookie(&self, name: &str) -> Option<Vec<u8>> {
        let sent = self.header("cookie")?;
        for pair in sent.split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let (key, value) = split(pair, b'=');
            if key == name.as_bytes() && pair.contains(&b'=') {
                return Some(value);
            }
        }
        None
    }

    /// The first query parameter of a name, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<Vec<u8>> {
        let (_path, query) = self.target();
        for pair in query.split(|byte| *byte == b'&') {
            let (key, value) = split(pair, b'=');
            if percent_decoded(&key) == name.as_bytes() {
                return Some(percent_decoded(&value));
            }
        }
        None
    }
}

/// What stands before the first mark, and what after it.
fn split(bytes: &[u8], mark: u8) -> (Vec<u8>, Vec<u8>) {
    match bytes.iter().position(|byte| *byte == mark) {
        Some(place) => {
            let (before, after) = bytes.split_at(place);
            (before.to_vec(), after.iter().skip(1).copied().collect())
        }
        None => (bytes.to_vec(), Vec::new()),
    }
}

/// `%` and two hexadecimal digits are a byte; everything else stays.
pub(crate) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|two| std::str::from_utf8(two).ok());
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(escaped) if *byte == b'%' => {
                decoded.push(escaped);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}
