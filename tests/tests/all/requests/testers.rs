//! Testers choose their side themselves.

use anyhow::Result;
use serin_tests::site::Site;

use super::marked;
use super::rollouts::{CLOSED, TESTERS};

/// At this host everybody is on the canary, and testers may leave it.
const EVERYBODY: &str = "everybody.example.com";

pub(crate) async fn opt_in_and_out(site: &Site) -> Result<()> {
    let user = ("x-user-id", b"u".as_slice());
    let header = |value: &'static [u8]| [user, ("x-try", value)];
    marked(&site.see(TESTERS, "/", &header(b"canary")).await?, "canary")?;
    marked(&site.see(EVERYBODY, "/", &header(b"stable")).await?, "stable")?;
    // Without an identity as well.
    marked(&site.see(TESTERS, "/", &[("x-try", b"canary")]).await?, "canary")?;
    for value in [b"Canary".as_slice(), b"canary2", b"1", b"", b"\xff"] {
        let headers = [user, ("x-try", value)];
        marked(&site.see(TESTERS, "/", &headers).await?, "stable")?;
        marked(&site.see(EVERYBODY, "/", &headers).await?, "canary")?;
    }

    marked(&site.see(TESTERS, "/", &[user, ("cookie", b"a=b; try=canary")]).await?, "canary")?;
    marked(&site.see(EVERYBODY, "/", &[user, ("cookie", b"try=stable")]).await?, "stable")?;
    marked(&site.see(TESTERS, "/?try=canary", &[user]).await?, "canary")?;
    marked(&site.see(TESTERS, "/?try=%63anary", &[user]).await?, "canary")?;
    marked(&site.see(EVERYBODY, "/?try=stable", &[user]).await?, "stable")?;

    // The first source that names a side wins; one that names none is passed over.
    let both = [user, ("x-try", b"stable".as_slice()), ("cookie", b"try=canary")];
    marked(&site.see(TESTERS, "/", &both).await?, "stable")?;
    let second = [user, ("x-try", b"maybe".as_slice()), ("cookie", b"try=canary")];
    marked(&site.see(TESTERS, "/", &second).await?, "canary")
}

/// A canary that must not serve serves nobody.
pub(crate) async fn not_where_the_canary_must_not_serve(site: &Site) -> Result<()> {
    let tester = [("x-user-id", b"u".as_slice()), ("x-try", b"canary")];
    marked(&site.see(CLOSED, "/", &tester).await?, "stable")?;
    marked(&site.see(CLOSED, "/?try=canary", &[]).await?, "stable")
}
