//! Nobody is kept out: what axe-core finds, by day and by night, on a desk and on a phone.

use anyhow::{Context as _, Result, ensure};
use serin_tests::browser::{Barriers, Browser, Page, Screen};
use serin_tests::shop::Shop;

use super::{LIMIT, look_at, no_faults};

/// In CSS pixels: a desk that is enlarged four times, and what lies between a phone and a desk.
const WIDTHS: [u32; 6] = [320, 500, 768, 992, 1000, 1100];

/// What axe-core leaves to a person: it tells no contrast of text in a picture, of a lone sign, of what
/// lies above other things or is scrolled half away. That of all text is measured here.
const MEASURED: &str = "color-contrast";

/// How many texts there are, and those whose contrast with the ground behind them is too little: below
/// 4.5, or 3 for a sign beside its word.
const TOO_FAINT: &str = "(() => { \
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number); \
    const linear = (part) => part <= 10.31475 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4; \
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b); \
    const ground = (one) => { \
        for (; one; one = one.parentElement) { \
            const colour = parts(getComputedStyle(one).backgroundColor); \
            if ((colour[3] ?? 1) === 1) return colour; \
        } \
        throw new Error('nothing lies behind it'); \
    }; \
    const says = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim(); \
    const all = [...document.querySelectorAll('body *')] \
        .filter((one) => one.checkVisibility() && [...one.childNodes].some(says)); \
    const faint = all.map((one) => { \
        const { fill, color } = getComputedStyle(one); \
        const of = [parts(one instanceof SVGElement ? fill : color), ground(one)].map(light); \
        const ratio = (Math.max(...of) + 0.05) / (Math.min(...of) + 0.05); \
        const least = one.closest('[aria-hidden=true]') ? 3 : 4.5; \
        return ratio < least && `${ratio}: ${one.outerHTML}`; \
    }); \
    return [all.length, faint.filter(Boolean)]; })()";

#[tokio::test]
async fn no_barrier_is_found_on_any_screen_in_light_or_dark() -> Result<()> {
    let shop =
        Shop::start("[{weight: 20%, bake: 3s}, {weight: 60%, bake: 1h, approval: manual}]").await?;
    let _controller = shop.control().await?;
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    page.shows(".big-weight", "60 %", LIMIT).await?;
    page.shows("figure", "errors: ", LIMIT).await?;
    for screen in [Screen::DESK, Screen::PHONE] {
        for dark in [false, true] {
            let screen = Screen { dark, ..screen };
            page.screen(screen).await?;
            views(&mut page).await.with_context(|| format!("{screen:?}"))?;
        }
    }
    for width in WIDTHS {
        page.screen(Screen { width, ..Screen::DESK }).await?;
        fits(&mut page).await.with_context(|| format!("{width} pixels"))?;
    }
    no_faults(&page)
}

/// Nothing lies beyond the edge of the screen.
async fn fits(page: &mut Page) -> Result<()> {
    let beyond: Vec<String> = page
        .ask(
            "[...document.querySelectorAll('main *')].filter((one) => !one.closest('.scroll') && \
             one.getBoundingClientRect().right > document.documentElement.clientWidth + 1) \
             .map((one) => one.outerHTML.slice(0, 100))",
        )
        .await?;
    ensure!(beyond.is_empty(), "{beyond:#?}");
    Ok(())
}

/// The list, one release, and what is asked before an abort.
async fn views(page: &mut Page) -> Result<()> {
    none(page).await.context("one release")?;
    page.click("button[data-command=abort]").await?;
    none(page).await.context("the question before an abort")?;
    page.press("Escape").await?;
    page.ask::<()>("void (location.hash = '#/')").await?;
    page.until("document.querySelector('#release').hidden", LIMIT).await?;
    none(page).await.context("the list")?;
    page.click("#releases a").await?;
    page.shows("#release .big-weight", "60 %", LIMIT).await
}

async fn none(page: &mut Page) -> Result<()> {
    let Barriers { found, mut undecided } = page.barriers().await?;
    ensure!(found.is_empty(), "{found:#?}");
    undecided.retain(|one| one.rule != MEASURED);
    ensure!(undecided.is_empty(), "nobody has looked at {undecided:#?}");
    let (measured, faint): (usize, Vec<String>) = page.ask(TOO_FAINT).await?;
    ensure!(measured > 10 && faint.is_empty(), "{measured} measured: {faint:#?}");
    Ok(())
}
