//! Reads the places of testers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Signed, Tester};
use crate::node::{self, Node};
use crate::{Audience, CookieName, Fault, HeaderName, IdentitySource, MarkName, ParameterName};

/// The most places: every request is searched for each.
const MAX_TESTERS: usize = 8;
const PER_REQUEST: &str = "every request is searched for each";

const FIELDS: &str = "header, cookie, query, signed, remember";
const PLACE: &str =
    "a tester's place is exactly one of {\"header\": name}, {\"cookie\": name}, {\"query\": name}";
const AUDIENCE: &str = "for whom tokens are meant, such as \"shop\"";

pub(crate) fn read(node: Node<'_>) -> Result<Vec<Tester>, Fault> {
    let at = node.at();
    let testers = node.list(MAX_TESTERS, PER_REQUEST, tester)?;
    check(&testers).map_err(|(index, field, value, rule)| {
        Fault::new(format_args!("{at}[{index}].{field}"), &value, rule)
    })?;
    Ok(testers)
}

fn tester(node: Node<'_>) -> Result<Tester, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let header = fields.optional("header", node::text::<HeaderName>).map(IdentitySource::Header);
    let cookie = fields.optional("cookie", node::text::<CookieName>).map(IdentitySource::Cookie);
    let query = fields.optional("query", node::text::<ParameterName>).map(IdentitySource::Query);
    let signed = fields.optional("signed", signed);
    let remember = fields.optional("remember", node::text::<CookieName>);
    fields.close(FIELDS)?;
    let mut given = [header, cookie, query].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(source), None) => Ok(Tester { source, signed, remember }),
        (first, _) => {
            let found = if first.is_none() { "none of the three" } else { "several" };
            Err(Fault::new(at, found, PLACE))
        }
    }
}

fn signed(node: Node<'_>) -> Result<Signed, Fault> {
    let mut fields = node.fields()?;
    let audience = fields.required("audience", AUDIENCE, node::text::<Audience>);
    fields.close("audience")?;
    audience.map(|audience| Signed { audience }).ok_or_else(|| fields.fault())
}

/// A fault of a tester: its place in the list, the field, the value and the rule.
type Broken = (usize, &'static str, String, &'static str);

/// What testers of one rollout have to hold to together.
fn check(testers: &[Tester]) -> Result<(), Broken> {
    for (index, tester) in testers.iter().enumerate() {
        if let (Some(_), IdentitySource::Header(name)) = (&tester.signed, &tester.source)
            && MarkName::new(name.as_str()).is_err()
        {
            let rule = "a token has a header of its own, such as x-serin-opt-in, since it is taken off before the request goes upstream";
            return Err((index, "header", format!("\"{name}\""), rule));
        }
        let Some(cookie) = &tester.remember else { continue };
        let same_cookie = |other: &&Tester| other.remember.as_ref() == Some(cookie);
        let earlier = testers.iter().take(index).find(same_cookie);
        if earlier.is_some_and(|earlier| earlier.signed != tester.signed) {
            let rule = "one cookie remembers tokens for one audience, or plain words: else the plain word would do for all";
            return Err((index, "remember", format!("\"{cookie}\""), rule));
        }
    }
    Ok(())
}
