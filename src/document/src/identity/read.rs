//! Reads the places where an id, or something to compare, stands.

use alloc::format;
use alloc::vec::Vec;

use crate::node::{self, Fields, Node, Place};
use crate::{
    AddressBits, BaggageKey, ClaimPath, CookieAttributes, CookieDomain, CookieName, CookiePath,
    Fault, GeneratedId, HeaderName, IdentitySource, JwtClaim, MetadataKey, ParameterName, SameSite,
    duration,
};

/// Places to look for an id.
const MAX_SOURCES: usize = 8;

/// The fields of which a source has one.
pub(crate) const SOURCE_KINDS: &str = "header, cookie, query, jwt, baggage, address";

const NONE: &str = "no source";

const PER_REQUEST: &str = "every request is searched for each";

/// Reads where a user's id stands, in order; one that is made here can only come last.
pub(crate) fn identity(node: Node<'_>) -> Result<Vec<IdentitySource>, Fault> {
    let at = node.at();
    let sources = node.list(MAX_SOURCES, PER_REQUEST, source)?;
    IdentitySource::check_order(&sources)
        .map_err(|(index, fault)| fault.below(Place::Entry(&at, index)))?;
    Ok(sources)
}

fn source(node: Node<'_>) -> Result<IdentitySource, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let mut given = sources_in(&mut fields);
    given.extend(fields.optional("generated", generated).map(IdentitySource::Generated));
    fields.close(&format!("{SOURCE_KINDS}, generated"))?;
    one_of(at, given, NONE, IdentitySource::RULE)
}

/// The sources that an object's fields name.
pub(crate) fn sources_in(fields: &mut Fields<'_>) -> Vec<IdentitySource> {
    let mut found = Vec::new();
    let mut add = |source: Option<IdentitySource>| found.extend(source);
    add(fields.optional("header", node::text::<HeaderName>).map(IdentitySource::Header));
    add(fields.optional("cookie", node::text::<CookieName>).map(IdentitySource::Cookie));
    add(fields.optional("query", node::text::<ParameterName>).map(IdentitySource::Query));
    add(fields.optional("jwt", jwt).map(IdentitySource::Jwt));
    add(fields.optional("baggage", node::text::<BaggageKey>).map(IdentitySource::Baggage));
    add(fields.optional("address", address).map(IdentitySource::Address));
    found
}

/// The only one of what is given; `none` says what is missing where there is none.
pub(crate) fn one_of<T>(at: Place<'_>, given: Vec<T>, none: &str, rule: &str) -> Result<T, Fault> {
    let mut given = given.into_iter();
    match (given.next(), given.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Fault::new(at, none, rule)),
        (Some(_), Some(_)) => Err(Fault::new(at, "several", rule)),
    }
}

fn jwt(node: Node<'_>) -> Result<JwtClaim, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let claim = fields.required("claim", ClaimPath::RULE, claim_path);
    let metadata = fields.optional("metadata", node::text::<MetadataKey>);
    let header = fields.optional("header", node::text::<HeaderName>);
    fields.close("claim, metadata, header")?;
    let Some(claim) = claim else { return Err(fields.fault()) };
    JwtClaim::new(claim, metadata, header).map_err(|fault| fault.below(at))
}

fn claim_path(node: Node<'_>) -> Result<ClaimPath, Fault> {
    node.one_or_list(|names| ClaimPath::new(names))
}

fn address(node: Node<'_>) -> Result<AddressBits, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let ipv4 = fields.optional("ipv4", |node| node.whole(u64::MAX));
    let ipv6 = fields.optional("ipv6", |node| node.whole(u64::MAX));
    fields.close("ipv4, ipv6")?;
    AddressBits::new(ipv4, ipv6).map_err(|fault| fault.below(at))
}

fn generated(node: Node<'_>) -> Result<GeneratedId, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let default = CookieAttributes::default();
    let cookie = fields.required("cookie", "the cookie's name, such as \"serin-id\"", node::text);
    let attributes = CookieAttributes {
        max_age: fields
            .optional("maxAge", |node| node.text_by(duration::parse))
            .unwrap_or(default.max_age),
        domain: fields.optional("domain", node::text::<CookieDomain>),
        path: fields.optional("path", node::text::<CookiePath>).unwrap_or(default.path),
        same_site: fields.optional("sameSite", node::text::<SameSite>).unwrap_or(default.same_site),
        secure: fields.optional("secure", node::flag).unwrap_or(default.secure),
    };
    fields.close("cookie, maxAge, domain, path, sameSite, secure")?;
    let Some(cookie) = cookie else { return Err(fields.fault()) };
    GeneratedId::new(cookie, attributes).map_err(|fault| fault.below(at))
}
