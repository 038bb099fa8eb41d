//! Testers: where they choose their side, by a plain word or a signed token, and for how long that
//! is remembered.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

mod read;

use serde::Serialize;
use serin_assignment::Variant;

pub(crate) use read::read;

use crate::request::Reader;
use crate::token::{Refusal, Token};
use crate::{Audience, CompiledRollout, CookieName, IdentitySource, Request};

/// What a tester says, where choices are remembered, to have that forgotten.
const FORGET: &[u8] = b"forget";

/// A place where a tester says `canary` or `stable`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tester {
    /// The place.
    #[serde(flatten)]
    pub source: IdentitySource,
    /// With it only a signed token counts there; without, the plain word, which anybody can say who
    /// reaches the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// The cookie that keeps the choice for the browser's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember: Option<CookieName>,
}

/// What a token has to be, beside signed by a key of the proxy and for its rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// For whom it is meant.
    pub audience: Audience,
}

impl From<IdentitySource> for Tester {
    /// A place for the plain word, which is not remembered.
    fn from(source: IdentitySource) -> Self {
        Self { source, signed: None, remember: None }
    }
}

/// How many tokens of a request were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals([u8; Refusal::ALL.len()]);

impl Refusals {
    /// Each reason with its number, where there is one.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u8)> {
        Refusal::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// Whether none was refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    fn add(&mut self, reason: Refusal) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// What the testers' places of a request say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The side that is asked for.
    pub(crate) variant: Option<Variant>,
    /// The tokens that were refused.
    pub(crate) refused: Refusals,
    /// Whether each place was looked at, and not even an empty word stands there.
    pub(crate) is_silent: bool,
}

/// Asks for a tester's choice: the first place that names a side, else what was remembered. What
/// the response has to say so that the choice is remembered, or forgotten, is added to
/// `set_cookies`.
pub(crate) fn ask(
    rollout: &CompiledRollout,
    reader: &Reader<'_, impl Request>,
    set_cookies: &mut Vec<String>,
) -> Said {
    let testers = &rollout.rollout().testers;
    let mut refused = Refusals::default();
    let mut is_silent = true;
    for tester in testers {
        let word = reader.value(&tester.source);
        is_silent &= word.is_none();
        let Some(word) = word.filter(|word| !word.is_empty()) else { continue };
        if tester.remember.is_some() && *word == *FORGET {
            for (_, cookie) in remembering(testers) {
                add(set_cookies, forget(cookie, reader));
            }
            return Said { refused, ..Said::default() };
        }
        match side(tester, &word, rollout, reader) {
            Ok(None) => {}
            Ok(Some(variant)) => {
                add(set_cookies, remember(tester, &word, variant, reader));
                return Said { variant: Some(variant), refused, is_silent };
            }
            Err(refusal) => refused.add(refusal),
        }
    }
    for (tester, cookie) in remembering(testers) {
        let word = reader.cookie(cookie);
        is_silent &= word.is_none();
        let Some(word) = word.filter(|word| !word.is_empty()) else { continue };
        match side(tester, word, rollout, reader) {
            Ok(None) => {}
            Ok(variant) => return Said { variant, refused, is_silent },
            Err(refusal) => {
                refused.add(refusal);
                // The others may hold at another proxy or for another rollout.
                if refusal == Refusal::Expired {
                    add(set_cookies, forget(cookie, reader));
                }
            }
        }
    }
    Said { variant: None, refused, is_silent }
}

/// The side that a word asks for, which is not empty; none where it means nothing.
fn side(
    tester: &Tester,
    word: &[u8],
    rollout: &CompiledRollout,
    reader: &Reader<'_, impl Request>,
) -> Result<Option<Variant>, Refusal> {
    match &tester.signed {
        None => Ok(Variant::from_bytes(word)),
        Some(Signed { audience }) => {
            let claims = Token::read(word)?.verify(rollout.tester_keys())?;
            claims.admit(rollout.name(), audience, || reader.now()).map(Some)
        }
    }
}

/// The cookies of a rollout that remember choices, each with the first tester who has it: all who
/// do are signed for the same audience, or none is.
fn remembering(testers: &[Tester]) -> impl Iterator<Item = (&Tester, &CookieName)> {
    testers.iter().enumerate().filter_map(|(index, tester)| {
        let cookie = tester.remember.as_ref()?;
        let mut earlier = testers.iter().take(index).filter_map(|other| other.remember.as_ref());
        (!earlier.any(|other| other == cookie)).then_some((tester, cookie))
    })
}

/// Rollouts that share a request may remember in one cookie, which is set once.
fn add(set_cookies: &mut Vec<String>, cookie: Option<String>) {
    if let Some(cookie) = cookie.filter(|cookie| !set_cookies.contains(cookie)) {
        set_cookies.push(cookie);
    }
}

/// What makes a browser remember a choice, where it doesn't already. Of a signed tester that is the
/// token itself: it can't be forged, and ends when it ends.
fn remember(
    tester: &Tester,
    word: &[u8],
    variant: Variant,
    reader: &Reader<'_, impl Request>,
) -> Option<String> {
    let cookie = tester.remember.as_ref()?;
    if reader.cookie(cookie) == Some(word) {
        return None;
    }
    // A token that was verified is plain ASCII, and none of its characters ends a cookie.
    let value = if tester.signed.is_some() { str::from_utf8(word).ok()? } else { variant.as_str() };
    Some(set_cookie(cookie, value, "", reader))
}

/// What makes a browser forget a choice, where it has one.
fn forget(cookie: &CookieName, reader: &Reader<'_, impl Request>) -> Option<String> {
    reader.cookie(cookie).map(|_| set_cookie(cookie, "", "; Max-Age=0", reader))
}

/// Nothing but the proxy needs the cookie. It goes over encrypted connections alone where it came by
/// one, and without an end of its own it lasts as long as the browser's session.
fn set_cookie(
    cookie: &CookieName,
    value: &str,
    end: &str,
    reader: &Reader<'_, impl Request>,
) -> String {
    let encrypted = reader.header(":scheme").is_some_and(|scheme| *scheme == *b"https");
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{cookie}={value}; Path=/{end}; HttpOnly; SameSite=Lax{secure}")
}
