//! Requests.

use std::borrow::Cow;
use std::time::Duration;

use serin_filter::headers::HeaderBlock;
use serin_oracle::Request;

/// The oracle's request, as a document asks it.
pub(crate) struct Asked<'a>(pub(crate) &'a Request);

impl serin_document::Request for Asked<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.header(name).map(Cow::Owned)
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        self.0.properties.get(&path.replace('\0', ".")).cloned()
    }

    fn random(&self) -> [u8; 16] {
        self.0.random
    }

    fn now(&self) -> Duration {
        self.0.now
    }
}

fn request(headers: &[(&str, &[u8])]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
    Request { headers: headers.collect(), ..Request::default() }
}

/// A request of which everything but this header is as usual.
pub(crate) fn with(name: &str, value: &[u8]) -> Request {
    let usual = [(":authority", &b"shop.test"[..]), (":path", b"/")];
    let others = usual.into_iter().filter(|(known, _)| *known != name);
    request(&others.chain([(name, value)]).collect::<Vec<_>>())
}

/// Some requests for whatever document.
pub(crate) fn usual() -> Vec<Request> {
    vec![
        request(&[]),
        with("x-user-id", b"alice"),
        request(&[
            (":authority", b"a.shop.test:80"),
            (":path", b"/a/b?user=alice&opt=canary#x"),
            ("cookie", b"uid=bob; opt=stable"),
            ("x-user-id", b"\xff"),
            ("x-request-id", b"0123456789abcdef"),
            ("x-serin-variant", b"canary"),
        ]),
    ]
}

/// A well-formed block, made of lines `name: value`.
pub(crate) fn lines(bytes: &[u8]) -> Request {
    let mut headers = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        // Names of pseudo-headers begin with a colon.
        let colon = line.iter().skip(1).position(|byte| *byte == b':').map(|place| place + 1);
        let (name, value) =
            colon.and_then(|colon| line.split_at_checked(colon)).unwrap_or((line, b": "));
        headers.push((
            String::from_utf8_lossy(name).to_ascii_lowercase(),
            value.get(2..).unwrap_or_default().to_vec(),
        ));
    }
    Request { headers, ..Request::default() }
}

/// What a block holds, as it may come from a proxy that is out of its mind; none where a name is
/// no text.
pub(crate) fn pairs(block: &[u8]) -> Option<Request> {
    let block = HeaderBlock::new(block.to_vec());
    let pairs = block
        .iter()
        .map(|(name, value)| Some((String::from_utf8(name.to_vec()).ok()?, value.to_vec())));
    Some(Request { headers: pairs.collect::<Option<_>>()?, ..Request::default() })
}

/// Encodes bytes as a token does.
pub(crate) fn base64url(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let digits = bits.chunks(6).map(|six| {
        let digit = (0..6).fold(0, |all, place| all << 1 | six.get(place).copied().unwrap_or(0));
        DIGITS.get(usize::from(digit)).copied().unwrap_or_default()
    });
    digits.collect()
}
