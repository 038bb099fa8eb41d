//! A member of the W3C baggage.

use anyhow::{Context as _, Result};

use super::{ENOUGH, SHOP, SHOP_SALT, World};

pub(crate) async fn member(world: &World) -> Result<()> {
    for number in 0..ENOUGH {
        let id = format!("Amélie {number}, {number}");
        let encoded = format!("Am%C3%A9lie%20{number}%2C%20{number}");
        for baggage in [
            format!("userId={encoded}"),
            format!("tenant=a, userId = {encoded} ;p=1;userId=other,userId=other"),
        ] {
            let headers = [("baggage", &*baggage), ("x-user-id", "other")];
            let placed = world.is_placed_by((SHOP, SHOP_SALT), &headers, &id).await;
            placed.context(baggage)?;
        }
    }
    // Another key is another member.
    let headers = [("baggage", "userid=other"), ("x-user-id", "alice")];
    world.is_placed_by((SHOP, SHOP_SALT), &headers, "alice").await
}
