//! Visitors who say nothing of themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{ENOUGH, MARK, SHOP, SHOP_SALT, Seen, World, at_half};

/// What the example sets, after the id.
const ATTRIBUTES: &str =
    "; Max-Age=31536000; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax";
/// New visitors in a row.
const VISITORS: u32 = 40;
/// Visits of one visitor, each over a connection of its own.
const VISITS: u32 = 40;

/// A new visitor gets one cookie, and is on the side of its id at once; whatever isn't an id of
/// ours gets a new one.
pub(crate) async fn once(world: &World) -> Result<()> {
    let mut ids = BTreeSet::new();
    let mut sides = BTreeSet::new();
    for number in 0..VISITORS {
        let cookie = match number % 4 {
            0 => "",
            1 => "other=x",
            2 => "serin-id=alice",
            _ => "serin-id=00112233445566778899AABBCCDDEEFF",
        };
        let id = first_visit(world, cookie, &mut sides).await.context(cookie)?;
        ids.insert(id);
    }
    ensure!(ids.len() == VISITORS as usize, "ids that repeat: {ids:?}");
    ensure!(sides.len() == 2, "all on one side: {sides:?}");
    Ok(())
}

async fn first_visit(world: &World, cookie: &str, sides: &mut BTreeSet<String>) -> Result<String> {
    let Seen { shown, cookies } = world.see(SHOP, &[("cookie", cookie)]).await?;
    let [cookie] = cookies.as_slice() else { anyhow::bail!("not one cookie: {cookies:?}") };
    let value = cookie.strip_prefix("serin-id=").and_then(|rest| rest.strip_suffix(ATTRIBUTES));
    let id = value.with_context(|| cookie.clone())?;
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    ensure!(id.len() == 32 && id.bytes().all(digit), "{id}");
    let side = at_half(SHOP_SALT, id)?;
    ensure!(shown.name == side && shown.values(MARK) == [side], "{id} is {side}: {shown:?}");
    sides.insert(shown.name);
    Ok(id.to_owned())
}

/// Who brings the cookie stays, whichever worker answers, and gets no other one.
pub(crate) async fn sticky(world: &World) -> Result<()> {
    let id = first_visit(world, "", &mut BTreeSet::new()).await?;
    let cookie = format!("theme=dark; serin-id={id}");
    for _ in 0..VISITS {
        world.is_placed_by((SHOP, SHOP_SALT), &[("cookie", &cookie)], &id).await?;
    }
    // An id from elsewhere comes first, and nothing is set for it.
    for number in 0..ENOUGH {
        let user = format!("user-{number}");
        world.is_placed_by((SHOP, SHOP_SALT), &[("x-user-id", &user)], &user).await?;
    }
    let samples = world.envoy.admin().stats("worker_.*downstream_cx_total").await?;
    let connections = samples.iter().filter(|one| one.value > 0.0);
    let workers: BTreeSet<&str> = connections.map(|one| one.label("envoy_worker_id")).collect();
    ensure!(workers.len() == 2, "not on each worker: {samples:?}");
    Ok(())
}

/// New ids are counted apart, and as evidence of no cohort.
pub(crate) async fn counted(world: &World) -> Result<()> {
    // Those of the two above.
    let expected = f64::from(VISITORS + 1);
    let admin = world.envoy.admin();
    let (assigned, none) = ([("reason", "new-id")], [("cohort", "none"), ("class", "ok")]);
    for _ in 0..50 {
        let counted = [
            admin.sum("serin_assignments", &assigned).await?,
            admin.sum("serin_responses", &none).await?,
        ];
        // Counts go to Envoy once a second.
        if counted == [Some(expected); 2] {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let all = admin.stats("serin_").await?;
    anyhow::bail!("{expected} new ids were not counted: {all:?}")
}
