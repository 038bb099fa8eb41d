//! Nobody writes the mark but the filter.

use anyhow::{Result, ensure};
use serin_tests::site::Site;

use super::rollouts::{CLOSED, FULL, FUTURE, ROUTE, TESTERS};
use super::{MARK, marked, unmarked};

/// A client's own mark never arrives, on any path through the filter.
pub(crate) async fn forged(site: &Site) -> Result<()> {
    let user = ("x-user-id", b"u".as_slice());
    for mark in [b"canary".as_slice(), b"stable", b"", b"Canary", b"\xff\xfe", b"canary, stable"] {
        let forged = (MARK, mark);
        let capital = ("X-Serin-Variant", mark);
        marked(&site.see(FULL, "/", &[user, forged]).await?, "canary")?;
        marked(&site.see(TESTERS, "/", &[user, forged]).await?, "stable")?;
        marked(&site.see(TESTERS, "/", &[user, capital]).await?, "stable")?;
        marked(&site.see(TESTERS, "/", &[forged]).await?, "stable")?;
        marked(&site.see(CLOSED, "/", &[user, forged]).await?, "stable")?;
        unmarked(&site.see(ROUTE, "/", &[forged]).await?)?;
        unmarked(&site.see("unknown.example.com", "/", &[user, forged]).await?)?;
        // Repeated, none of them stays.
        marked(&site.see(TESTERS, "/", &[forged, user, forged, capital]).await?, "stable")?;
        unmarked(&site.see("unknown.example.com", "/", &[forged, forged, capital]).await?)?;
    }
    Ok(())
}

/// A host without a rollout passes as it came, but for a mark.
pub(crate) async fn unknown_host(site: &Site) -> Result<()> {
    let sent: [(&str, &[u8]); 5] = [
        ("x-user-id", b"u"),
        ("cookie", b"uid=u; try=canary"),
        ("x-try", b"canary"),
        ("x-bytes", b"\xff"),
        ("accept", b"text/html"),
    ];
    let path = "/a%20b?user=u&try=canary";
    let mut with_mark = sent.to_vec();
    with_mark.push((MARK, b"canary"));
    let plain = site.see("unknown.example.com", path, &sent).await?;
    let forged = site.see("unknown.example.com", path, &with_mark).await?;
    for shown in [&plain, &forged] {
        unmarked(shown)?;
        ensure!(shown.path == path, "another path: {}", shown.path);
        for (name, value) in sent {
            let expected = value.escape_ascii().to_string();
            ensure!(shown.values(name) == [expected.as_str()], "{name}: {:?}", shown.values(name));
        }
    }
    let names = |shown: &serin_tests::webapp::Shown| -> Vec<String> {
        shown.headers.iter().map(|(name, _)| name.clone()).collect()
    };
    ensure!(names(&plain) == names(&forged), "{plain:?}\n{forged:?}");
    Ok(())
}

/// A rollout that requires what this module does not know keeps everybody on stable.
pub(crate) async fn what_the_module_does_not_know(site: &Site) -> Result<()> {
    marked(&site.see(FUTURE, "/", &[("x-user-id", b"u")]).await?, "stable")?;
    marked(&site.see(FUTURE, "/", &[]).await?, "stable")
}
