//! Where tokens stand in requests, and how they are taken off before a request goes upstream:
//! nothing else of its cookies or its path changes by a byte.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Token;
use crate::path::{Target, cut};
use crate::{IdentitySource, Tester, percent};

/// The places of tokens: those of a rollout, or of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    headers: Vec<Box<str>>,
    cookies: Vec<Box<str>>,
    parameters: Vec<Box<str>>,
}

impl Places {
    /// Those of a rollout's testers.
    pub(crate) fn of(testers: &[Tester]) -> Self {
        let mut places = Self::default();
        for tester in testers.iter().filter(|tester| tester.signed.is_some()) {
            match &tester.source {
                IdentitySource::Header(name) => add(&mut places.headers, name.as_str()),
                IdentitySource::Cookie(name) => add(&mut places.cookies, name.as_str()),
                IdentitySource::Query(name) => add(&mut places.parameters, name.as_str()),
                // Nobody chooses a side there.
                IdentitySource::Jwt(_)
                | IdentitySource::Baggage(_)
                | IdentitySource::Address(_)
                | IdentitySource::Generated(_) => {}
            }
            if let Some(cookie) = &tester.remember {
                add(&mut places.cookies, cookie.as_str());
            }
        }
        places
    }

    /// Adds those of another rollout.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (own, others) in [
            (&mut self.headers, &other.headers),
            (&mut self.cookies, &other.cookies),
            (&mut self.parameters, &other.parameters),
        ] {
            for name in others {
                add(own, name);
            }
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.headers.len() + self.cookies.len() + self.parameters.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn add(names: &mut Vec<Box<str>>, name: &str) {
    if !names.iter().any(|known| **known == *name) {
        names.push(name.into());
    }
}

fn has(names: &[Box<str>], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

/// What has to be taken off one request: whatever stands where its own rollouts look for tokens, and
/// tokens for other rollouts of the document where those look for them.
#[derive(Clone, Debug)]
pub struct TakeOff<'a> {
    all: &'a Places,
    /// Those of the request's own rollouts.
    own: Vec<&'a Places>,
}

/// What becomes of a request's cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutCookies {
    /// These are left.
    Set(Vec<u8>),
    /// None is left.
    Remove,
}

impl<'a> TakeOff<'a> {
    /// None where the document has no place for tokens.
    pub(crate) fn new(all: &'a Places, own: impl Iterator<Item = &'a Places>) -> Option<Self> {
        (!all.is_empty()).then(|| Self { all, own: own.filter(|own| !own.is_empty()).collect() })
    }

    /// The headers that may carry tokens.
    pub fn headers(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.all.headers.iter().map(|name| &**name)
    }

    /// Whether a header with this value has to go.
    #[must_use]
    pub fn header_goes(&self, name: &str, value: &[u8]) -> bool {
        self.goes(|places| &places.headers, name.as_bytes(), value)
    }

    /// What becomes of the `cookie` headers, of which there may be several; none where they stay as
    /// they are.
    pub fn cut_cookies<'h>(&self, lines: impl Iterator<Item = &'h [u8]>) -> Option<CutCookies> {
        if self.all.cookies.is_empty() {
            return None;
        }
        let mut is_cut = false;
        let mut left: Vec<Cow<'h, [u8]>> = Vec::new();
        for line in lines {
            match self.cut_line(line) {
                None => left.push(line.into()),
                Some(rest) => {
                    is_cut = true;
                    if !rest.iter().all(|b| b.is_ascii_whitespace() || *b == b';') {
                        left.push(rest.into());
                    }
                }
            }
        }
        match (is_cut, left.is_empty()) {
            (false, _) => None,
            (true, true) => Some(CutCookies::Remove),
            // As one line, which is how every protocol above HTTP/1 hands them on.
            (true, false) => Some(CutCookies::Set(left.join(b"; ".as_slice()))),
        }
    }

    /// The `:path` without tokens; none where it stays as it is.
    #[must_use]
    pub fn cut_path(&self, raw: &[u8]) -> Option<Vec<u8>> {
        let Target { path, query } = Target::read(raw);
        if self.all.parameters.is_empty() || query.is_empty() {
            return None;
        }
        let left = keep(query, b'&', |pair| {
            let (name, value) = cut(pair, b'=');
            let (name, value) = (percent::decode(name), percent::decode(value));
            !self.goes(|places| &places.parameters, &name, &value)
        })?;
        let fragment = raw.get(path.len() + 1 + query.len()..).unwrap_or_default();
        let mark: &[u8] = if left.is_empty() { b"" } else { b"?" };
        Some([path, mark, &left, fragment].concat())
    }

    fn cut_line(&self, line: &[u8]) -> Option<Vec<u8>> {
        let left = keep(line, b';', |pair| {
            let pair = pair.trim_ascii();
            // A pair without `=` has no name.
            !pair.contains(&b'=') || {
                let (name, value) = cut(pair, b'=');
                !self.goes(|places| &places.cookies, name, value)
            }
        })?;
        Some(left.trim_ascii_start().to_vec())
    }

    fn goes(&self, of: impl Fn(&Places) -> &Vec<Box<str>>, name: &[u8], value: &[u8]) -> bool {
        self.own.iter().any(|own| has(of(own), name))
            || (Token::is_meant(value) && has(of(self.all), name))
    }
}

/// The parts that stay, with the separators between them; none where all do.
fn keep(text: &[u8], separator: u8, stays: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    if text.split(|b| *b == separator).all(&stays) {
        return None;
    }
    let left: Vec<&[u8]> = text.split(|b| *b == separator).filter(|part| stays(part)).collect();
    Some(left.join(&separator))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{CookieName, HeaderName, ParameterName, Signed};

    fn places(more: &str) -> Places {
        let signed = Some(Signed { audience: "shop".parse().unwrap() });
        let header = IdentitySource::Header(HeaderName::new(&format!("x-{more}")).unwrap());
        let query = IdentitySource::Query(ParameterName::new(&format!("{more} q")).unwrap());
        let cookie = CookieName::new(&format!("{more}-c")).unwrap();
        Places::of(&[
            Tester { source: header, signed: signed.clone(), remember: None },
            Tester { source: query, signed, remember: Some(cookie.clone()) },
            IdentitySource::Cookie(CookieName::new("plain").unwrap()).into(),
        ])
    }

    /// The places of the request's own rollout are named by `own`, those of another by `far`.
    fn taking_off<T>(test: impl FnOnce(&TakeOff<'_>) -> T) -> T {
        let (own, mut all) = (places("own"), places("own"));
        all.extend(&places("far"));
        test(&TakeOff::new(&all, [&own].into_iter()).unwrap())
    }

    #[test]
    fn a_header_goes_where_it_is_the_rollouts_own_or_carries_a_token() {
        taking_off(|off| {
            assert_eq!(off.headers().collect::<Vec<_>>(), ["x-own", "x-far"]);
            for (name, value, goes) in [
                ("x-own", "serin1~…", true),
                ("x-own", "canary", true),
                ("x-own", "", true),
                ("x-far", "serin1~…", true),
                ("x-far", "canary", false),
                ("x-far", "serin1", false),
                ("x-other", "serin1~…", false),
            ] {
                assert_eq!(off.header_goes(name, value.as_bytes()), goes, "{name}: {value}");
            }
        });
    }

    #[test]
    fn cookies_lose_the_token_and_nothing_else() {
        for (lines, left) in [
            (&["a=1; own-c=t; b=2"][..], Some("a=1; b=2")),
            (&["own-c=t; b=2"], Some("b=2")),
            (&["a=1; own-c=t"], Some("a=1")),
            (&["a=1;own-c=t;b=2;"], Some("a=1;b=2;")),
            (&["own-c=t; own-c=u; own-c="], Some("")),
            (&["own-c=t;"], Some("")),
            (&["a=1; far-c=serin1~t; b=2"], Some("a=1; b=2")),
            (&["a=1", "own-c=t; b=2"], Some("a=1; b=2")),
            (&["own-c=t", "b=\"x y\"; c"], Some("b=\"x y\"; c")),
            (&["far-c=canary; plain=canary; own-c; xown-c=t; Own-c=t; own-cc=t"], None),
            (&["a=own-c=t"], None),
            (&[], None),
        ] {
            let cut = taking_off(|off| off.cut_cookies(lines.iter().map(|line| line.as_bytes())));
            let expected = left.map(|left| match left {
                "" => CutCookies::Remove,
                left => CutCookies::Set(left.into()),
            });
            assert_eq!(cut, expected, "{lines:?}");
        }
    }

    #[test]
    fn a_path_loses_the_token_and_nothing_else() {
        for (path, left) in [
            ("/a?x=1&own%20q=t&y=%2f+", Some("/a?x=1&y=%2f+")),
            ("/a?own%20q=t", Some("/a")),
            ("/a?own q", Some("/a")),
            ("/a?%6fwn%20q=t&", Some("/a")),
            ("/a?x&own%20q=t#f?own%20q=t", Some("/a?x#f?own%20q=t")),
            ("/?own%20q=t&own%20q=u&x=?", Some("/?x=?")),
            ("/a?far%20q=serin1~t&x=1", Some("/a?x=1")),
            ("/a?far%20q=%73erin1~t&x=1", Some("/a?x=1")),
            ("/a?far%20q=canary", None),
            ("/own q=t", None),
            ("/a?x=own q", None),
            ("/a#?own%20q=t", None),
            ("", None),
        ] {
            let cut = taking_off(|off| off.cut_path(path.as_bytes()));
            assert_eq!(cut.as_deref(), left.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn there_is_nothing_to_do_without_places() {
        let none = Places::of(&[IdentitySource::Cookie(CookieName::new("c").unwrap()).into()]);
        assert!(TakeOff::new(&none, [&none].into_iter()).is_none());
    }

    proptest! {
        #[test]
        fn parts_that_stay_are_those_that_were_there(
            parts in prop::collection::vec("(own-c|own q|far-c|a|b| )?(=|==)?(serin1~x|x|%20|y)?", 0..8),
        ) {
            let line = parts.join(";");
            let token = |part: &&String| {
                let part = part.trim_ascii();
                part.starts_with("own-c=") || part.starts_with("far-c=serin1~")
            };
            let left: Vec<&str> =
                parts.iter().filter(|part| !token(part)).map(String::as_str).collect();
            let cut = taking_off(|off| off.cut_cookies([line.as_bytes()].into_iter()));
            let expected = left.join(";").trim_ascii_start().to_owned();
            let expected = match expected.trim_matches([' ', ';']) {
                _ if left.len() == parts.len() => None,
                "" => Some(CutCookies::Remove),
                _ => Some(CutCookies::Set(expected.into_bytes())),
            };
            prop_assert_eq!(cut, expected);
        }

        #[test]
        fn arbitrary_bytes_are_cut_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            taking_off(|off| {
                let _ = off.cut_cookies([bytes.as_slice()].into_iter());
                let _ = off.cut_path(&bytes);
                let _ = off.header_goes("x-own", &bytes);
            });
        }
    }
}
