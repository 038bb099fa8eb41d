//! What a sub-request is answered with: the headers that the filter would have written.

use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serin_assignment::{Cohort, Variant};
use serin_document::{Decisions, MarkName, Write};

/// The marks, the cohorts where applications are told, and the cookies to set. What the filter
/// would remove is absent: the proxy has to take the client's own off. What the filter would leave
/// as it came is there as it came, for proxies that take everything from here.
pub(super) fn headers(decisions: &Decisions<'_>, asked: &HeaderMap) -> HeaderMap {
    let mut answer = HeaderMap::new();
    // Of another user the next time, and by another weight.
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for decision in decisions.iter() {
        let mark = match decision.write {
            Write::Set(variant) => Some(HeaderValue::from_static(variant.as_str())),
            Write::Leave => kept(asked, decision.mark, |sent| Variant::from_bytes(sent).is_some()),
            Write::Remove => None,
        };
        put(&mut answer, decision.mark, mark);
        if let Some((name, write)) = decision.cohort_header {
            let cohort = match write {
                Write::Set(cohort) => Some(HeaderValue::from(u16::from(cohort.get()))),
                Write::Leave => kept(asked, name, is_cohort),
                Write::Remove => None,
            };
            put(&mut answer, name, cohort);
        }
    }
    for cookie in &decisions.set_cookies {
        // Its parts are checked with the document, so that nothing else can stand in it.
        if let Ok(value) = HeaderValue::from_str(cookie) {
            answer.append(SET_COOKIE, value);
        }
    }
    answer
}

fn put(answer: &mut HeaderMap, name: &MarkName, value: Option<HeaderValue>) {
    if let (Some(value), Ok(name)) = (value, HeaderName::from_bytes(name.as_str().as_bytes())) {
        answer.insert(name, value);
    }
}

fn kept(asked: &HeaderMap, name: &MarkName, good: impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
    asked.get(name.as_str()).filter(|sent| good(sent.as_bytes())).cloned()
}

fn is_cohort(sent: &[u8]) -> bool {
    let number = str::from_utf8(sent).ok().and_then(|text| text.parse::<u8>().ok());
    number.and_then(Cohort::from_number).is_some()
}
