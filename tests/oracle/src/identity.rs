//! Where ids come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::request::percent_decoded;
use crate::{Request, payload};

/// What stands at a source.
pub(crate) fn value(source: &Value, request: &Request) -> Option<Vec<u8>> {
    let named = |kind: &str| source.get(kind).and_then(Value::as_str);
    if let Some(name) = named("header") {
        request.header(&name.to_ascii_lowercase())
    } else if let Some(name) = named("cookie") {
        request.cookie(name)
    } else if let Some(name) = named("query") {
        request.parameter(name)
    } else if let Some(key) = named("baggage") {
        baggage(key, &request.header("baggage")?)
    } else if let Some(bits) = source.get("address") {
        address(bits, request)
    } else if let Some(jwt) = source.get("jwt") {
        claim(jwt, request)
    } else {
        generated(source, request)
    }
}

/// The first member of a key, decoded, without its properties.
fn baggage(key: &str, sent: &[u8]) -> Option<Vec<u8>> {
    for member in sent.split(|byte| *byte == b',') {
        let pair = member.split(|byte| *byte == b';').next()?;
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next()?.trim_ascii(), parts.next());
        if name == key.as_bytes()
            && let Some(value) = value
        {
            return Some(percent_decoded(value.trim_ascii()));
        }
    }
    None
}

/// The caller's address, or the network in which it is.
fn address(bits: &Value, request: &Request) -> Option<Vec<u8>> {
    let property = String::from_utf8(request.properties.get("source.address")?.clone()).ok()?;
    let address = property.parse().ok().or_else(|| before_port(&property))?;
    let of = |field: &str, all: u32| {
        let bits = bits.get(field).and_then(Value::as_u64);
        bits.and_then(|bits| u32::try_from(bits).ok()).unwrap_or(all)
    };
    let text = match address.to_canonical() {
        IpAddr::V4(address) => {
            let bits = of("ipv4", 32);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or_default();
            let network = Ipv4Addr::from(u32::from(address) & mask);
            if bits == 32 { network.to_string() } else { format!("{network}/{bits}") }
        }
        IpAddr::V6(address) => {
            let bits = of("ipv6", 64);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or_default();
            let network = Ipv6Addr::from(u128::from(address) & mask);
            if bits == 128 { network.to_string() } else { format!("{network}/{bits}") }
        }
    };
    Some(text.into_bytes())
}

/// The address before a port, whatever that is; one of IPv6 stands in brackets, perhaps with a zone.
fn before_port(property: &str) -> Option<IpAddr> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (address, _) = property.rsplit_once(':').filter(|(_, port)| is_number(port))?;
    match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        None => address.parse().ok().map(IpAddr::V4),
        Some(address) => {
            let (address, zone) = address.split_once('%').unwrap_or((address, "0"));
            address.parse().ok().filter(|_| is_number(zone)).map(IpAddr::V6)
        }
    }
}

/// A claim of a token, verified by the proxy or in a payload that a header carries.
fn claim(jwt: &Value, request: &Request) -> Option<Vec<u8>> {
    if let Some(key) = jwt.get("metadata").and_then(Value::as_str) {
        return untyped(request.properties.get(&property(key, jwt.get("claim")?))?);
    }
    let header = jwt.get("header")?.as_str()?;
    let names: Vec<&str> = match jwt.get("claim")? {
        Value::String(name) => vec![name],
        names => names.as_array()?.iter().filter_map(Value::as_str).collect(),
    };
    payload::claim(&request.header(&header.to_ascii_lowercase())?, &names)
}

/// Where Envoy has a claim that it has verified, by the parts of the path with dots between them.
fn property(key: &str, claim: &Value) -> String {
    let names = match claim {
        Value::String(name) => name.clone(),
        names => {
            let names = names.as_array().map_or(&[][..], Vec::as_slice);
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
        }
    };
    format!("metadata.filter_metadata.envoy.filters.http.jwt_authn.{key}.{names}")
}

/// A claim without its type: one byte is a boolean, a text is itself, and eight bytes that are no
/// text are a number.
fn untyped(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes {
        [0] => return Some(b"false".to_vec()),
        [1] => return Some(b"true".to_vec()),
        _ => {}
    }
    if std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control)) {
        return Some(bytes.to_vec());
    }
    let number = f64::from_le_bytes(bytes.try_into().ok()?);
    let in_range = number.abs() < 9_007_199_254_740_992.0 && number.fract() == 0.0;
    // Zero below zero is zero.
    in_range.then(|| format!("{:.0}", number + 0.0).into_bytes())
}

/// Six bits a character; the bits left over at the end are none.
pub(crate) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = Vec::new();
    for character in text {
        let digit = DIGITS.iter().position(|digit| digit == character)?;
        bits.extend((0..6).rev().map(|bit| digit >> bit & 1 == 1));
    }
    let bytes = bits.chunks_exact(8);
    Some(bytes.map(|byte| byte.iter().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect())
}

/// Base64url without padding.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |six: &[u8]| {
        let number = (0..6).fold(0, |all, place| all << 1 | six.get(place).copied().unwrap_or(0));
        DIGITS.get(usize::from(number)).copied().map_or('?', char::from)
    };
    bits.chunks(6).map(digit).collect()
}

/// An id of ours in a cookie: 32 hexadecimal digits, in lower case.
fn generated(source: &Value, request: &Request) -> Option<Vec<u8>> {
    let cookie = request.cookie(source.get("generated")?.get("cookie")?.as_str()?)?;
    let is_ours = cookie.len() == 32
        && cookie.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    is_ours.then_some(cookie)
}

/// A new id of ours.
pub(crate) fn new_id(request: &Request) -> String {
    hexadecimal(&request.random)
}

/// Two digits a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
