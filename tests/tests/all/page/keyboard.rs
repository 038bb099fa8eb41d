//! By keyboard alone.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use serin_tests::browser::{Browser, Page};
use serin_tests::shop::Shop;

use super::{LIMIT, look_at, no_faults};

/// More stops than the page has.
const STOPS: usize = 60;

/// Names each control that can be seen, and what has the focus.
const CONTROLS: &str = "(() => { \
    const name = (one) => one.id || one.dataset.command || one.getAttribute('href') || \
        one.getAttribute('aria-labelledby') || one.textContent; \
    const all = [...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]; \
    const seen = all.filter((one) => one.checkVisibility()); \
    return [seen.map(name), name(document.activeElement)]; })()";

#[tokio::test]
async fn every_control_is_reached_by_tab_and_an_abort_needs_no_mouse() -> Result<()> {
    let shop = Shop::start("[{weight: 20%, bake: 1h}]").await?;
    let _controller = shop.control().await?;
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;
    page.shows("#release", "Decisions", LIMIT).await?;

    let mut reached = BTreeSet::new();
    let mut wanted = Vec::new();
    for _ in 0..STOPS {
        page.press("Tab").await?;
        let (controls, focus): (Vec<String>, String) = page.ask(CONTROLS).await?;
        reached.insert(focus);
        wanted = controls;
    }
    let missed: Vec<&String> = wanted.iter().filter(|one| !reached.contains(*one)).collect();
    ensure!(wanted.len() > 8 && missed.is_empty(), "{missed:?} of {wanted:?}");

    tab_to(&mut page, "abort").await?;
    page.press("Enter").await?;
    page.shows("#sure", "Everyone goes back", LIMIT).await?;
    page.press("Escape").await?;
    page.until("!document.querySelector('#sure').open", LIMIT).await?;
    let (_, focus): (Vec<String>, String) = page.ask(CONTROLS).await?;
    ensure!(focus == "abort", "the focus went to `{focus}`");
    page.press("Enter").await?;
    tab_to(&mut page, "sure-yes").await?;
    page.press("Enter").await?;
    page.shows(".big-phase", "rolled back", LIMIT).await?;
    no_faults(&page)
}

async fn tab_to(page: &mut Page, name: &str) -> Result<()> {
    for _ in 0..STOPS {
        let (_, focus): (Vec<String>, String) = page.ask(CONTROLS).await?;
        if focus == name {
            return Ok(());
        }
        page.press("Tab").await?;
    }
    bail!("`{name}` is not reached")
}
