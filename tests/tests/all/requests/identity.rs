//! Where the user's id comes from, and what counts as one.

use anyhow::{Context as _, Result, ensure};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::site::Site;

use super::marked;
use super::rollouts::{
    ADDRESS, ADDRESS_SALT, COOKIE, COOKIE_SALT, FULL, HALF, HALF_SALT, QUERY, QUERY_SALT,
};

/// The longest id that is one, in bytes.
const LONGEST: usize = 256;
/// So many ids in a row are on the right side by chance once in a million.
const ENOUGH: u32 = 20;

/// Makes a text to be sent, and the id that it carries.
type Form<Id> = fn(&str) -> (String, Id);

pub(crate) async fn header(site: &Site) -> Result<()> {
    marked(&site.see(FULL, "/", &[("x-user-id", b"u")]).await?, "canary")?;
    marked(&site.see(FULL, "/", &[("X-User-Id", b"u")]).await?, "canary")?;
    marked(&site.see(FULL, "/", &[]).await?, "stable")?;
    // Empty is no identity.
    marked(&site.see(FULL, "/", &[("x-user-id", b"")]).await?, "stable")?;
    // Of several, the first counts: whatever follows changes nothing.
    for number in 0..20 {
        let id = format!("first-{number}");
        let headers = [("x-user-id", id.as_bytes()), ("x-user-id", b"second")];
        marked(&site.see(HALF, "/", &headers).await?, at_half(HALF_SALT, id.as_bytes())?)?;
    }
    Ok(())
}

pub(crate) async fn cookie(site: &Site) -> Result<()> {
    let cases: [(&[u8], &str); 7] = [
        (b"uid=u", "canary"),
        (b"theme=dark; uid=u; lang=en", "canary"),
        (b"theme=dark;uid=u", "canary"),
        (b"uid=", "stable"),
        (b"xuid=u", "stable"),
        (b"uidx=u", "stable"),
        (b"theme=uid", "stable"),
    ];
    for (cookie, side) in cases {
        marked(&site.see(FULL, "/", &[("cookie", cookie)]).await?, side)?;
    }
    // The value as sent: nothing is decoded, no quotes are taken off, and of several the first
    // counts.
    let forms: [Form<String>; 4] = [
        |n| (format!("uid={n}; uid=other"), n.to_owned()),
        |n| (format!("a=b; uid=%41{n}"), format!("%41{n}")),
        |n| (format!("uid=\"{n}\""), format!("\"{n}\"")),
        |n| (format!("uid=a={n}"), format!("a={n}")),
    ];
    for form in forms {
        for number in 0..ENOUGH {
            let (cookie, id) = form(&number.to_string());
            let shown = site.see(COOKIE, "/", &[("cookie", cookie.as_bytes())]).await?;
            marked(&shown, at_half(COOKIE_SALT, id.as_bytes())?).context(cookie)?;
        }
    }
    Ok(())
}

pub(crate) async fn query(site: &Site) -> Result<()> {
    let cases = [
        ("/?user=u", "canary"),
        ("/?a=b&user=u", "canary"),
        // Escapes in the name.
        ("/?us%65r=u", "canary"),
        ("/?user=%2F", "canary"),
        // A broken escape stays what it is: a value all the same.
        ("/?user=%zz", "canary"),
        ("/?user=", "stable"),
        ("/?user", "stable"),
        ("/?users=u", "stable"),
        ("/user=u", "stable"),
    ];
    for (path, side) in cases {
        marked(&site.see(FULL, path, &[]).await?, side)?;
    }
    // The value is what the escapes stand for, a plus is a plus, a broken escape stays as it is,
    // and of several the first counts.
    let forms: [Form<Vec<u8>>; 6] = [
        |n| (format!("a%62c%2F{n}"), format!("abc/{n}").into_bytes()),
        |n| (format!("a+b{n}"), format!("a+b{n}").into_bytes()),
        |n| (format!("a%20b+%2b{n}"), format!("a b++{n}").into_bytes()),
        |n| (format!("%zz%4{n}x%"), format!("%zz%4{n}x%").into_bytes()),
        |n| (format!("%ff%00{n}"), [b"\xff\0", n.as_bytes()].concat()),
        |n| (format!("{n}&user=other"), n.as_bytes().to_vec()),
    ];
    for form in forms {
        for number in 0..ENOUGH {
            // A letter that is no hexadecimal digit, so that it completes no broken escape.
            let (value, id) = form(&format!("g{number}"));
            let path = format!("/?a=b&user={value}");
            let shown = site.see(QUERY, &path, &[]).await?;
            marked(&shown, at_half(QUERY_SALT, &id)?).context(path)?;
        }
    }
    Ok(())
}

/// The first source that holds something decides; the next ones are not asked.
pub(crate) async fn order(site: &Site) -> Result<()> {
    let empty_header: [(&str, &[u8]); 2] = [("x-user-id", b""), ("cookie", b"uid=u")];
    marked(&site.see(FULL, "/", &empty_header).await?, "canary")?;
    let empty_cookie: [(&str, &[u8]); 1] = [("cookie", b"uid=")];
    marked(&site.see(FULL, "/?user=u", &empty_cookie).await?, "canary")?;
    // Too long is too long, whatever the other sources hold.
    let long = vec![b'u'; LONGEST + 1];
    let too_long: [(&str, &[u8]); 2] = [("x-user-id", &long), ("cookie", b"uid=u")];
    marked(&site.see(FULL, "/", &too_long).await?, "stable")
}

/// Ids are bytes as sent. A module that wants text would take its worker down here.
pub(crate) async fn bytes(site: &Site) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for last in 0x80..=0xbf {
        let id = [0xff, 0xfe, last];
        let expected = at_half(HALF_SALT, &id)?;
        seen.insert(expected);
        marked(&site.see(HALF, "/", &[("x-user-id", &id)]).await?, expected)?;
    }
    ensure!(seen.len() == 2, "ids on one side only prove nothing: {seen:?}");
    // The worker still stands.
    marked(&site.see(FULL, "/", &[("x-user-id", b"u")]).await?, "canary")
}

/// 256 bytes are an id, one more is anonymous and counted.
pub(crate) async fn length(site: &Site) -> Result<()> {
    for first in b'a'..=b'p' {
        let mut id = vec![b'x'; LONGEST];
        id.splice(..1, [first]);
        marked(&site.see(HALF, "/", &[("x-user-id", &id)]).await?, at_half(HALF_SALT, &id)?)?;
        id.push(b'x');
        marked(&site.see(HALF, "/", &[("x-user-id", &id)]).await?, "stable")?;
    }
    let huge = vec![b'x'; 20_000];
    marked(&site.see(HALF, "/", &[("x-user-id", &huge)]).await?, "stable")?;

    let labels = [("rollout", HALF_SALT), ("reason", "oversized"), ("variant", "stable")];
    let counted = || site.envoys.first().map(serin_tests::envoy::Envoy::admin);
    for _ in 0..50 {
        let Some(admin) = counted() else { break };
        // Counts go to Envoy once a second.
        if admin.sum("serin_assignments", &labels).await? == Some(17.0) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let all = site.envoy()?.admin().stats("serin_assignments").await?;
    anyhow::bail!("seventeen oversized ids were not counted: {all:?}")
}

/// The example trusts no proxy before it: what a caller says of his address counts for nothing.
pub(crate) async fn address(site: &Site) -> Result<()> {
    let expected = at_half(ADDRESS_SALT, b"127.0.0.1")?;
    marked(&site.see(ADDRESS, "/", &[]).await?, expected)?;
    for number in 0..ENOUGH {
        let forged = format!("203.0.113.{number}");
        let headers = [("x-forwarded-for", forged.as_bytes())];
        marked(&site.see(ADDRESS, "/", &headers).await?, expected).context(forged)?;
    }
    Ok(())
}

/// The side of an id at 50 % by the library.
fn at_half(salt: &str, id: &[u8]) -> Result<&'static str> {
    let (salt, weight): (Salt, Weight) = (salt.parse()?, "50%".parse()?);
    Ok(assign(&salt, id).variant(weight).as_str())
}
