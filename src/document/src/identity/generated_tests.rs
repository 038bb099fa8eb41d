use super::*;

fn generated(name: &str, attributes: CookieAttributes) -> Result<GeneratedId, Fault> {
    GeneratedId::new(CookieName::new(name).unwrap(), attributes)
}

#[test]
fn the_cookie_is_set_as_stated() {
    let id = GeneratedId::id([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255]);
    assert_eq!(id, "000102030405060708090a0b0c0dfeff");
    let plain = generated("serin-id", CookieAttributes::default()).unwrap();
    assert_eq!(
        plain.set_cookie(&id),
        "serin-id=000102030405060708090a0b0c0dfeff; Max-Age=31536000; Path=/; HttpOnly; Secure; SameSite=Lax"
    );
    let other = CookieAttributes {
        max_age: Duration::from_secs(90),
        domain: Some(CookieDomain::new(".Example.com").unwrap()),
        path: CookiePath::new("/shop,a=b").unwrap(),
        same_site: SameSite::Strict,
        secure: false,
    };
    assert_eq!(
        generated("v", other).unwrap().set_cookie("x"),
        "v=x; Max-Age=90; Path=/shop,a=b; Domain=example.com; HttpOnly; SameSite=Strict"
    );
}

#[test]
fn only_what_was_made_here_is_an_id() {
    assert!(GeneratedId::is_id(GeneratedId::id([0xa5; 16]).as_bytes()));
    for bad in ["", "alice", &"a".repeat(31), &"a".repeat(33), &"A".repeat(32), &"g".repeat(32)] {
        assert!(!GeneratedId::is_id(bad.as_bytes()), "{bad:?}");
    }
    assert!(!GeneratedId::is_id(&[0xff; 32]));
}

#[test]
fn nothing_ends_an_attribute() {
    for bad in ["", "shop", "/a;b", "/a b", "/a\r\nset-cookie: x=y", "/\u{fc}", "/\t", "/\x7f"] {
        assert!(CookiePath::new(bad).is_err(), "{bad:?}");
    }
    assert!(CookiePath::new(&format!("/{}", "a".repeat(512))).is_err());
    for bad in [
        "",
        ".",
        "com",
        "*.example.com",
        "example.com; Path=/",
        "a.b\r\nx: y",
        "a.b,c",
        "192.0.2.7",
        "[2001:db8::7]",
        "..example.com",
        "example.com:443",
        "b\u{fc}cher.example",
    ] {
        assert!(CookieDomain::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_browsers_drop_is_refused() {
    let plain = CookieAttributes::default;
    let path = || CookiePath::new("/a").unwrap();
    let domain = || Some(CookieDomain::new("example.com").unwrap());
    for (name, attributes, field) in [
        ("v", CookieAttributes { same_site: SameSite::None, secure: false, ..plain() }, "secure"),
        ("__secure-v", CookieAttributes { secure: false, ..plain() }, "secure"),
        ("__Host-v", CookieAttributes { secure: false, ..plain() }, "secure"),
        ("__Host-v", CookieAttributes { path: path(), ..plain() }, "path"),
        ("__HOST-v", CookieAttributes { domain: domain(), ..plain() }, "domain"),
        ("v", CookieAttributes { max_age: Duration::from_millis(999), ..plain() }, "maxAge"),
        ("v", CookieAttributes { max_age: Duration::from_hours(9601), ..plain() }, "maxAge"),
    ] {
        assert_eq!(generated(name, attributes).unwrap_err().field, field, "{name}");
    }
    for (name, attributes) in [
        ("v", CookieAttributes { same_site: SameSite::None, ..plain() }),
        ("__Secure-v", CookieAttributes { domain: domain(), path: path(), ..plain() }),
        ("__Host-v", plain()),
        ("v", CookieAttributes { max_age: GeneratedId::MAX_AGE, ..plain() }),
    ] {
        assert!(generated(name, attributes).is_ok(), "{name}");
    }
}
