//! A whole rollout, watched.

use anyhow::{Context as _, Result, ensure};
use serin_tests::browser::{Browser, Screen};
use serin_tests::shop::{FIRST, Shop};
use serin_tests::webapp::Behaviour;

use super::{LIMIT, look_at, no_faults};

/// Names the file in which the picture of the page is to be left, for README.
const PICTURE: &str = "SERIN_PICTURE";

const STEPS: &str = "[{weight: 20%, bake: 5s}, {weight: 60%, bake: 6s}, {weight: 100%, bake: 3s}]";

/// The chance of each answer to be an error.
const NOISE: f64 = 0.05;

#[tokio::test]
async fn a_whole_rollout_is_seen_from_its_first_step_to_its_end() -> Result<()> {
    let shop = Shop::start(STEPS).await?;
    // One as noisy as the other, so that there is a ratio to be seen.
    shop.canary.behave(Behaviour { noise: NOISE, seed: 1, ..Behaviour::healthy(FIRST) });
    shop.stable.behave(Behaviour { noise: NOISE, ..Behaviour::healthy("v1") });
    let _controller = shop.control().await?;
    let browser = Browser::start(&shop.scratch).await?;
    let mut page = look_at(&shop, &browser).await?;
    // High enough for the weights, the evidence and a gate.
    page.screen(Screen { width: 1280, height: 1120, dark: false }).await?;
    page.shows(".big-weight", "20 %", LIMIT).await?;
    page.shows("#releases", "progressing", LIMIT).await?;
    page.shows(".big-weight", "60 %", LIMIT).await?;
    page.shows("figure", "errors: ", LIMIT).await.context("the gate's picture")?;
    // The step is under observation, so that there is a share to be seen.
    page.shows(".facts", "seen", LIMIT).await?;
    if let Some(file) = std::env::var_os(PICTURE) {
        // Late in the step, so that there is something to see.
        let late = "/baked [4-9]s/.test(document.querySelector('.facts').textContent)";
        page.until(late, LIMIT).await?;
        std::fs::write(&file, page.picture().await?)?;
    }
    page.shows(".big-weight", "100 %", LIMIT).await?;
    page.shows(".big-phase", "succeeded", LIMIT).await?;
    page.until("document.title === '100 % Succeeded · test/shop · Serin'", LIMIT).await?;
    let told: String =
        page.ask("document.querySelector('figure svg').getAttribute('aria-label')").await?;
    ensure!(told.ends_with("It went through 0 %, 20 %, 60 %, 100 %."), "{told}");
    // A step up in the picture is a step down on the screen.
    let stairs: Vec<f64> = page
        .ask(
            "document.querySelector('path.line.set').getAttribute('d').split(/[ML]/).slice(1) \
             .map((pair) => Number(pair.split(' ')[1]))",
        )
        .await?;
    ensure!(stairs.len() >= 6 && stairs.is_sorted_by(|one, next| one >= next), "{stairs:?}");
    for text in ["advanced", "rising from 20% to 60%", "succeeded"] {
        page.shows("#release table tr", text, LIMIT).await?;
    }
    no_faults(&page)
}
