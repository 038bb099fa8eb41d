//! The caller's address as Envoy has settled it.

use anyhow::{Context as _, Result};

use super::{ENOUGH, World};

/// The host of the example's second rollout, which goes by addresses.
const API: &str = "api.example.com";
/// The salt there.
const API_SALT: &str = "demo/api/v2";

/// A proxy before this one, which is trusted, names the caller last; what stands before it may be
/// forged.
pub(crate) async fn forwarded(world: &World) -> Result<()> {
    for number in 0..ENOUGH {
        let v4 = format!("203.0.113.{number}");
        let v6 = format!("2001:db8:0:{:x}::/64", number + 1);
        for (forwarded, id) in [
            (v4.clone(), &v4),
            (format!("192.0.2.1, {v4}"), &v4),
            (format!("::ffff:{v4}"), &v4),
            (format!("2001:db8:0:{:x}::1", number + 1), &v6),
            (format!("2001:DB8:0:{:x}:9:8:7:6", number + 1), &v6),
        ] {
            let headers = [("x-forwarded-for", &*forwarded)];
            world.is_placed_by((API, API_SALT), &headers, id).await.context(forwarded)?;
        }
    }
    // Nobody is named: the connection's own address.
    world.is_placed_by((API, API_SALT), &[], "127.0.0.1").await
}
