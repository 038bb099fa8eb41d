//! `spec.assignment.testers`.

use serin_document::{
    Audience, CookieName, HeaderName, IdentitySource, ParameterName, Signed, Tester,
};

use super::by_rule;
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec;

/// What they have to hold to together is checked with the whole release.
pub(super) fn read(
    specs: &[spec::Tester],
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Vec<Tester>> {
    let read: Vec<Option<Tester>> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| tester(spec, &at.index(index), faults))
        .collect();
    read.into_iter().collect()
}

fn tester(spec: &spec::Tester, at: &FieldPath, faults: &mut Faults) -> Option<Tester> {
    let source = source(spec, at, faults);
    let signed = match &spec.signed {
        None => Some(None),
        Some(spec::Signed { audience }) => {
            let at = at.field("signed").field("audience");
            let audience = faults.parse(at, audience, by_rule(Audience::new));
            audience.map(|audience| Some(Signed { audience }))
        }
    };
    let remember = match &spec.remember {
        None => Some(None),
        Some(name) => faults.parse(at.field("remember"), name, by_rule(CookieName::new)).map(Some),
    };
    Some(Tester { source: source?, signed: signed?, remember: remember? })
}

fn source(spec: &spec::Tester, at: &FieldPath, faults: &mut Faults) -> Option<IdentitySource> {
    match (&spec.header, &spec.cookie, &spec.query) {
        (Some(name), None, None) => faults
            .parse(at.field("header"), name, by_rule(HeaderName::new))
            .map(IdentitySource::Header),
        (None, Some(name), None) => faults
            .parse(at.field("cookie"), name, by_rule(CookieName::new))
            .map(IdentitySource::Cookie),
        (None, None, Some(name)) => faults
            .parse(at.field("query"), name, by_rule(ParameterName::new))
            .map(IdentitySource::Query),
        (None, None, None) => {
            let rule = "one of header, cookie and query, such as {header: x-serin-opt-in}";
            faults.missing(at.clone(), rule);
            None
        }
        _ => {
            let rule = "one of header, cookie and query; put each on a line of its own";
            faults.value(at.clone(), "several", rule);
            None
        }
    }
}
