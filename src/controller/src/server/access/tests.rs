use std::net::Ipv6Addr;

use axum::http::HeaderValue;

use super::*;

const TOKEN: &str = "0123456789abcdef";
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn told(token: bool, peer: IpAddr, pairs: &[(&'static str, &str)]) -> Result<(), Denied> {
    let token = token.then(|| Token(TOKEN.to_owned()));
    permit(token.as_ref(), peer, &headers(pairs))
}

#[test]
fn this_machine_needs_no_token() {
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    for peer in [LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST), mapped] {
        for host in ["localhost", "LocalHost:7316", "127.0.0.1:7316", "127.1.2.3", "[::1]:7316"] {
            assert_eq!(told(false, peer, &[("host", host)]), Ok(()), "{peer} {host}");
            assert_eq!(told(true, peer, &[("host", host)]), Ok(()), "{peer} {host}");
        }
    }
}

#[test]
fn other_machines_need_the_token() {
    let host = ("host", "127.0.0.1:7316");
    assert_eq!(told(true, OUTSIDE, &[host]), Err(Denied::TokenNeeded));
    assert_eq!(told(false, OUTSIDE, &[host]), Err(Denied::NoTokenSet));
    assert_eq!(told(true, OUTSIDE, &[("authorization", "Bearer 0123456789abcdef")]), Ok(()));
    assert_eq!(told(true, OUTSIDE, &[("authorization", "bearer 0123456789abcdef")]), Ok(()));
}

#[test]
fn a_wrong_token_is_refused_wherever_it_comes_from() {
    let long = format!("Bearer {TOKEN}{TOKEN}");
    let wrong =
        ["Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Basic 0123456789abcdef", TOKEN, &long];
    for value in wrong {
        for peer in [OUTSIDE, LOOPBACK] {
            let pairs = [("authorization", value), ("host", "localhost")];
            assert_eq!(told(true, peer, &pairs), Err(Denied::WrongToken), "{value}");
            assert_eq!(told(false, peer, &pairs), Err(Denied::NoTokenSet), "{value}");
        }
    }
    let right = format!("Bearer {TOKEN}");
    let twice = [("authorization", right.as_str()), ("authorization", right.as_str())];
    assert_eq!(told(true, OUTSIDE, &twice), Err(Denied::WrongToken));
}

#[test]
fn a_page_of_another_site_is_refused_on_this_machine() {
    let host = ("host", "localhost:7316");
    let refused = [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:8080"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for pair in refused {
        assert_eq!(told(false, LOOPBACK, &[host, pair]), Err(Denied::CrossSite), "{pair:?}");
    }
    for pair in [("origin", "http://localhost:7316"), ("sec-fetch-site", "same-origin")] {
        assert_eq!(told(false, LOOPBACK, &[host, pair]), Ok(()), "{pair:?}");
    }
}

#[test]
fn a_name_that_was_pointed_to_this_machine_is_refused() {
    for host in ["evil.example", "evil.example:7316", "127.0.0.1.evil.example", "10.0.0.1", ""] {
        // The page's own origin, as its browser sees it.
        let origin = format!("http://{host}");
        let pairs =
            [("host", host), ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(told(false, LOOPBACK, &pairs), Err(Denied::StrangeHost), "{host}");
    }
    assert_eq!(told(false, LOOPBACK, &[]), Err(Denied::StrangeHost));
    let two = [("host", "localhost"), ("host", "evil.example")];
    assert_eq!(told(false, LOOPBACK, &two), Err(Denied::StrangeHost));
}

#[test]
fn what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine() {
    for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"] {
        let pairs = [("host", "localhost"), (name, "192.0.2.7")];
        assert_eq!(told(true, LOOPBACK, &pairs), Err(Denied::Forwarded), "{name}");
    }
}

#[test]
fn a_token_file_holds_one_long_enough_word() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("token");
    assert!(matches!(Access::new(Some(path.clone())), Err(InvalidToken::Unreadable { .. })));
    for text in ["", "short", "with spaces in it, long", "two-lines-of-it\nsecond-line-of-it\n"] {
        fs::write(&path, text).unwrap();
        let refused = Token::read(&path).unwrap_err();
        assert!(matches!(refused, InvalidToken::Malformed { .. }), "{text}: {refused}");
        assert!(text.is_empty() || !refused.to_string().contains(text.trim()), "{refused}");
    }
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let token = Token::read(&path).unwrap();
    assert!(token.is(TOKEN));
    assert_eq!(format!("{token:?}"), "Token(…)");
}

#[test]
fn a_token_file_is_read_anew_for_each_command() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("token");
    fs::write(&path, TOKEN).unwrap();
    let access = Access::new(Some(path.clone())).unwrap();
    let old = headers(&[("authorization", "Bearer 0123456789abcdef")]);
    assert!(access.permit(OUTSIDE, &old).is_ok());
    fs::write(&path, "fedcba9876543210").unwrap();
    assert!(access.permit(OUTSIDE, &old).is_err());
    fs::remove_file(&path).unwrap();
    // Without a readable token nobody gets in, not even from this machine.
    assert!(access.permit(LOOPBACK, &headers(&[("host", "localhost")])).is_err());
}

#[test]
fn another_sites_page_is_refused_whatever_it_has() {
    let right = format!("Bearer {TOKEN}");
    for site in ["cross-site", "same-site"] {
        let pairs = [("authorization", right.as_str()), ("sec-fetch-site", site)];
        assert_eq!(told(true, OUTSIDE, &pairs), Err(Denied::CrossSite), "{site}");
    }
    let own = [("authorization", right.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(told(true, OUTSIDE, &own), Ok(()));
}

#[test]
fn a_giver_is_named_where_the_name_can_be_written() {
    let by = |name: &str| giver(OUTSIDE, &headers(&[("serin-by", name)]));
    assert_eq!(by("Ada Lovelace"), "Ada Lovelace (192.0.2.7)");
    for none in ["", "  ", &"x".repeat(65), "tab\there"] {
        assert_eq!(by(none), "192.0.2.7", "{none}");
    }
}
