//! Which request a sub-request is about: proxies tell it in headers of their own.

use core::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header};

/// Which headers the proxy sets. All others are the client's word, so that whoever configures the
/// proxy says which: by the path that it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `X-Forwarded-Proto`, `-Host`, `-Uri` and `-For`, as Traefik's `forwardAuth` and Caddy's
    /// `forward_auth` send them.
    Forwarded,
    /// `X-Original-URL`, or `X-Original-URI` beside the original `Host`, and `X-Real-IP`, as they are
    /// customary with NGINX's `auth_request`.
    Original,
}

/// The request's target as it was told. What was not told is as empty as it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) scheme: Option<&'a [u8]>,
    pub(super) authority: &'a [u8],
    /// Path and query; `/` where nothing is told of it, so that a rollout of a whole host needs no
    /// more than the host.
    pub(super) path: &'a [u8],
    pub(super) client: Option<IpAddr>,
}

impl Told {
    pub(super) fn target(self, headers: &HeaderMap) -> Target<'_> {
        match self {
            Self::Forwarded => forwarded(headers),
            Self::Original => original(headers),
        }
    }
}

fn forwarded(headers: &HeaderMap) -> Target<'_> {
    let get = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    Target {
        scheme: get("x-forwarded-proto"),
        authority: get("x-forwarded-host").unwrap_or_else(|| host(headers)),
        path: path(get("x-forwarded-uri")),
        // A proxy adds whom it sees at the end; what stands before may be anybody's word.
        client: headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()
            .and_then(|list| address(list.as_bytes().rsplit(|b| *b == b',').next()?)),
    }
}

fn original(headers: &HeaderMap) -> Target<'_> {
    let get = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let client = get("x-real-ip").and_then(address);
    if let Some((scheme, rest)) = get("x-original-url").and_then(split_scheme) {
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, b""));
        return Target { scheme: Some(scheme), authority, path: path(Some(target)), client };
    }
    Target {
        scheme: get("x-forwarded-proto"),
        authority: host(headers),
        path: path(get("x-original-uri")),
        client,
    }
}

fn host(headers: &HeaderMap) -> &[u8] {
    headers.get(header::HOST).map_or(b"", HeaderValue::as_bytes)
}

fn path(told: Option<&[u8]>) -> &[u8] {
    told.filter(|path| !path.is_empty()).unwrap_or(b"/")
}

fn split_scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEPARATOR: &[u8] = b"://";
    let at = url.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)?;
    Some((url.get(..at)?, url.get(at + SEPARATOR.len()..)?))
}

fn address(text: &[u8]) -> Option<IpAddr> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn told(told: Told, pairs: &[(&'static str, &str)]) -> (String, String, Option<String>) {
        let headers = headers(pairs);
        let target = told.target(&headers);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(target.authority), text(target.path), target.client.map(|ip| ip.to_string()))
    }

    fn is(authority: &str, path: &str, client: Option<&str>) -> (String, String, Option<String>) {
        (authority.to_owned(), path.to_owned(), client.map(str::to_owned))
    }

    #[test]
    fn a_forwarded_request_is_told_by_its_four_headers() {
        let all = [
            ("host", "serin:7317"),
            ("x-forwarded-host", "shop.example.com"),
            ("x-forwarded-uri", "/a?b=c"),
            ("x-forwarded-for", "10.9.9.9, 203.0.113.7"),
            ("x-original-url", "http://evil.example.com/"),
        ];
        let whole = is("shop.example.com", "/a?b=c", Some("203.0.113.7"));
        assert_eq!(told(Told::Forwarded, &all), whole);
        assert_eq!(told(Told::Forwarded, &[]), is("", "/", None));
        assert_eq!(told(Told::Forwarded, &[("host", "a")]), is("a", "/", None));
        let odd = [("x-forwarded-for", "unknown,"), ("x-forwarded-uri", "")];
        assert_eq!(told(Told::Forwarded, &odd), is("", "/", None));
    }

    #[test]
    fn an_original_request_is_told_by_its_url_or_its_uri_and_host() {
        let url = |url| told(Told::Original, &[("host", "serin"), ("x-original-url", url)]);
        assert_eq!(
            url("https://a.example.com:8443/x?y=z"),
            is("a.example.com:8443", "/x?y=z", None)
        );
        assert_eq!(url("http://a?y=z"), is("a", "?y=z", None));
        assert_eq!(url("http://a"), is("a", "/", None));
        assert_eq!(url("http://"), is("", "/", None));
        assert_eq!(url("nonsense"), is("serin", "/", None));
        let uri = [
            ("host", "a.example.com"),
            ("x-original-uri", "/x"),
            ("x-real-ip", "2001:db8::7"),
            ("x-forwarded-host", "evil.example.com"),
            ("x-forwarded-for", "10.9.9.9"),
        ];
        assert_eq!(told(Told::Original, &uri), is("a.example.com", "/x", Some("2001:db8::7")));
    }
}
