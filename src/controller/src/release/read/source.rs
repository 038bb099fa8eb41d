//! The places where an id stands.

use serin_document::{
    AddressBits, BaggageKey, ClaimPath, CookieAttributes, CookieDomain, CookieName, CookiePath,
    Fault, GeneratedId, HeaderName, IdentitySource, Invalid, JwtClaim, MetadataKey, ParameterName,
    SameSite, duration,
};

use super::by_rule;
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec::{Address, Generated, Jwt, Source, Texts};

/// Where a user's id stands; one that is made by the filter comes last.
pub(super) fn identity(
    specs: &[Source],
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Vec<IdentitySource>> {
    let found = sources(specs, at, faults)?;
    match IdentitySource::check_order(&found) {
        Ok(()) => Some(found),
        Err((index, fault)) => {
            told(&at.index(index), &fault, faults);
            None
        }
    }
}

fn sources(specs: &[Source], at: &FieldPath, faults: &mut Faults) -> Option<Vec<IdentitySource>> {
    let read: Vec<Option<IdentitySource>> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| source(spec, &at.index(index), faults))
        .collect();
    read.into_iter().collect()
}

fn source(spec: &Source, at: &FieldPath, faults: &mut Faults) -> Option<IdentitySource> {
    const ONE: &str = "one of header, cookie, query, jwt, baggage, address and generated";
    let Source { header, cookie, query, jwt, baggage, address, generated } = spec;
    let given = [
        header.is_some(),
        cookie.is_some(),
        query.is_some(),
        jwt.is_some(),
        baggage.is_some(),
        address.is_some(),
        generated.is_some(),
    ];
    match given.into_iter().filter(|given| *given).count() {
        0 => faults.missing(at.clone(), format!("{ONE}, such as {{header: x-user-id}}")),
        1 => {}
        _ => {
            let rule = format!("{ONE}; put each on a line of its own");
            faults.value(at.clone(), "several", rule);
            return None;
        }
    }
    if let Some(spec) = jwt {
        return self::jwt(spec, &at.field("jwt"), faults).map(IdentitySource::Jwt);
    }
    if let Some(Address { ipv4, ipv6 }) = address {
        let bits = AddressBits::new(*ipv4, *ipv6);
        return checked(bits, &at.field("address"), faults).map(IdentitySource::Address);
    }
    if let Some(spec) = generated {
        let own = self::generated(spec, &at.field("generated"), faults);
        return own.map(IdentitySource::Generated);
    }
    text(header.as_deref(), "header", HeaderName::new, at, faults)
        .map(IdentitySource::Header)
        .or_else(|| {
            let cookie = text(cookie.as_deref(), "cookie", CookieName::new, at, faults);
            cookie.map(IdentitySource::Cookie)
        })
        .or_else(|| {
            let query = text(query.as_deref(), "query", ParameterName::new, at, faults);
            query.map(IdentitySource::Query)
        })
        .or_else(|| {
            let key = text(baggage.as_deref(), "baggage", BaggageKey::new, at, faults);
            key.map(IdentitySource::Baggage)
        })
}

/// A text that is there and holds.
fn text<T>(
    given: Option<&str>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, Invalid>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<T> {
    faults.parse(at.field(field), given?, by_rule(parse))
}

/// What is there breaks its rule, and a fault says so.
struct Broken;

/// A text that may be absent.
fn optional<T>(
    given: Option<&str>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, Invalid>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Result<Option<T>, Broken> {
    match given {
        None => Ok(None),
        given => text(given, field, parse, at, faults).map(Some).ok_or(Broken),
    }
}

fn jwt(spec: &Jwt, at: &FieldPath, faults: &mut Faults) -> Option<JwtClaim> {
    let (names, shown) = match &spec.claim {
        Texts::One(name) => (core::slice::from_ref(name), name.clone()),
        Texts::List(names) => (names.as_slice(), format!("[{}]", names.join(", "))),
    };
    let claim = match ClaimPath::new(names) {
        Ok(claim) => Some(claim),
        Err(invalid) => {
            faults.value(at.field("claim"), &shown, invalid.rule);
            None
        }
    };
    let metadata = optional(spec.metadata.as_deref(), "metadata", MetadataKey::new, at, faults);
    let header = optional(spec.header.as_deref(), "header", HeaderName::new, at, faults);
    checked(JwtClaim::new(claim?, metadata.ok()?, header.ok()?), at, faults)
}

fn generated(spec: &Generated, at: &FieldPath, faults: &mut Faults) -> Option<GeneratedId> {
    let default = CookieAttributes::default();
    let cookie = text(Some(&spec.cookie), "cookie", CookieName::new, at, faults);
    let max_age = optional(spec.max_age.as_deref(), "maxAge", duration::parse, at, faults);
    let domain = optional(spec.domain.as_deref(), "domain", CookieDomain::new, at, faults);
    let path = optional(spec.path.as_deref(), "path", CookiePath::new, at, faults);
    let same_site =
        optional(spec.same_site.as_deref(), "sameSite", str::parse::<SameSite>, at, faults);
    let attributes = CookieAttributes {
        max_age: max_age.ok()?.unwrap_or(default.max_age),
        domain: domain.ok()?,
        path: path.ok()?.unwrap_or(default.path),
        same_site: same_site.ok()?.unwrap_or(default.same_site),
        secure: spec.secure.unwrap_or(default.secure),
    };
    checked(GeneratedId::new(cookie?, attributes), at, faults)
}

fn checked<T>(result: Result<T, Fault>, at: &FieldPath, faults: &mut Faults) -> Option<T> {
    result.map_err(|fault| told(at, &fault, faults)).ok()
}

/// A fault that the document's own check has found in a field of this one.
fn told(at: &FieldPath, fault: &Fault, faults: &mut Faults) {
    faults.told(at.field(&fault.field), &fault.value, &fault.rule);
}
