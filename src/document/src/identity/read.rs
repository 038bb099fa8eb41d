//! Reads the places where an id, or something to compare, stands.

use alloc::vec::Vec;

use crate::reading::{Key, One, Reading};
use crate::{AddressBits, ClaimPath, CookieAttributes, GeneratedId, IdentitySource, JwtClaim};

/// Places to look for an id.
const MAX_SOURCES: usize = 8;

/// The fields of which a source has one.
pub(crate) const SOURCE_KINDS: &str = "header, cookie, query, jwt, baggage, address";

const NONE: &str = "no source";

const PER_REQUEST: &str = "every request is searched for each";

/// Reads where a user's id stands, in order; one that is made here can only come last.
pub(crate) fn identity(reading: &mut Reading<'_>) -> Vec<IdentitySource> {
    let sources = reading.list(MAX_SOURCES, PER_REQUEST, source);
    if let Err((index, fault)) = IdentitySource::check_order(&sources) {
        reading.broken(&[Key::Entry(index)], fault);
    }
    sources
}

fn source(reading: &mut Reading<'_>) -> Option<IdentitySource> {
    reading.open();
    let mut given = sources_in(reading);
    given.add(reading.optional("generated", generated).map(IdentitySource::Generated));
    reading.close(&format_args!("{SOURCE_KINDS}, generated"));
    given.end(reading, NONE, &IdentitySource::RULE)
}

/// The source that an object's fields name.
#[inline(never)]
pub(crate) fn sources_in(reading: &mut Reading<'_>) -> One<IdentitySource> {
    let mut given = One::default();
    given.add(reading.optional_text("header").map(IdentitySource::Header));
    given.add(reading.optional_text("cookie").map(IdentitySource::Cookie));
    given.add(reading.optional_text("query").map(IdentitySource::Query));
    given.add(reading.optional("jwt", jwt).map(IdentitySource::Jwt));
    given.add(reading.optional_text("baggage").map(IdentitySource::Baggage));
    given.add(reading.optional("address", address).map(IdentitySource::Address));
    given
}

fn jwt(reading: &mut Reading<'_>) -> Option<JwtClaim> {
    reading.open();
    let claim = reading.required("claim", ClaimPath::RULE, |reading| {
        let names = reading.one_or_list()?;
        reading.accept(ClaimPath::new(&names))
    })?;
    let metadata = reading.optional_text("metadata");
    let header = reading.optional_text("header");
    reading.close(&"claim, metadata, header");
    reading.accept_below(JwtClaim::new(claim, metadata, header))
}

fn address(reading: &mut Reading<'_>) -> Option<AddressBits> {
    reading.open();
    let mut bits = |name| reading.optional(name, |reading| reading.whole(u64::MAX));
    let (ipv4, ipv6) = (bits("ipv4"), bits("ipv6"));
    reading.close(&"ipv4, ipv6");
    reading.accept_below(AddressBits::new(ipv4, ipv6))
}

fn generated(reading: &mut Reading<'_>) -> Option<GeneratedId> {
    reading.open();
    let default = CookieAttributes::default();
    let cookie = reading.required_text("cookie", "the cookie's name, such as \"serin-id\"")?;
    let attributes = CookieAttributes {
        max_age: reading.optional("maxAge", Reading::duration).unwrap_or(default.max_age),
        domain: reading.optional_text("domain"),
        path: reading.optional_text("path").unwrap_or(default.path),
        same_site: reading.optional_word("sameSite").unwrap_or(default.same_site),
        secure: reading.optional_flag("secure").unwrap_or(default.secure),
    };
    reading.close(&"cookie, maxAge, domain, path, sameSite, secure");
    reading.accept_below(GeneratedId::new(cookie, attributes))
}
