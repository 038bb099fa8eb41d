//! Reads the places of testers.

use alloc::vec::Vec;

use super::{Signed, Tester};
use crate::reading::{Key, One, Reading};
use crate::{IdentitySource, MarkName};

/// The most places: every request is searched for each.
const MAX_TESTERS: usize = 8;
const PER_REQUEST: &str = "every request is searched for each";

const FIELDS: &str = "header, cookie, query, signed, remember";
const PLACE: &str =
    "a tester's place is exactly one of {\"header\": name}, {\"cookie\": name}, {\"query\": name}";
const AUDIENCE: &str = "for whom tokens are meant, such as \"shop\"";

pub(crate) fn read(reading: &mut Reading<'_>) -> Vec<Tester> {
    let testers = reading.list(MAX_TESTERS, PER_REQUEST, tester);
    check(&testers, reading);
    testers
}

fn tester(reading: &mut Reading<'_>) -> Option<Tester> {
    reading.open();
    let mut source = One::default();
    source.add(reading.optional_text("header").map(IdentitySource::Header));
    source.add(reading.optional_text("cookie").map(IdentitySource::Cookie));
    source.add(reading.optional_text("query").map(IdentitySource::Query));
    let signed = reading.optional("signed", signed);
    let remember = reading.optional_text("remember");
    reading.close(&FIELDS);
    let source = source.end(reading, "none of the three", &PLACE)?;
    Some(Tester { source, signed, remember })
}

fn signed(reading: &mut Reading<'_>) -> Option<Signed> {
    reading.open();
    let audience = reading.required_text("audience", AUDIENCE);
    reading.close(&"audience");
    audience.map(|audience| Signed { audience })
}

/// What testers of one rollout have to hold to together.
fn check(testers: &[Tester], reading: &mut Reading<'_>) {
    for (index, tester) in testers.iter().enumerate() {
        let mut wrong = |field, value: &str, rule: &str| {
            let below = [Key::Entry(index), Key::Field(field)];
            reading.wrong_at(&below, &format_args!("\"{value}\""), &rule);
        };
        if let (Some(_), IdentitySource::Header(name)) = (&tester.signed, &tester.source)
            && MarkName::check(name.as_str()).is_err()
        {
            let rule = "a token has a header of its own, such as x-serin-opt-in, since it is taken off before the request goes upstream";
            wrong("header", name.as_str(), rule);
        }
        let Some(cookie) = &tester.remember else { continue };
        let same_cookie = |other: &&Tester| other.remember.as_ref() == Some(cookie);
        let earlier = testers.iter().take(index).find(same_cookie);
        if earlier.is_some_and(|earlier| earlier.signed != tester.signed) {
            let rule = "one cookie remembers tokens for one audience, or plain words: else the plain word would do for all";
            wrong("remember", cookie.as_str(), rule);
        }
    }
}
