//! One page in a browser, as a person has it before them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::protocol::Protocol;

/// How often it is looked whether something on the page has come true.
const LOOK: Duration = Duration::from_millis(50);

/// What a person looks at the page with.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether they like it dark.
    pub dark: bool,
}

impl Screen {
    /// A desk, by day.
    pub const DESK: Self = Self { width: 1280, height: 900, dark: false };
    /// A phone, by night.
    pub const PHONE: Self = Self { width: 390, height: 800, dark: true };
}

/// What was found by who looks for what keeps people out.
#[derive(Debug, Deserialize)]
pub struct Barriers {
    /// What keeps them out.
    pub found: Vec<Barrier>,
    /// What a person has to look at.
    pub undecided: Vec<Barrier>,
}

/// A rule, and an element that it is about.
#[derive(Debug, Deserialize)]
pub struct Barrier {
    /// The rule's name.
    pub rule: String,
    /// The element, as HTML.
    pub place: String,
    /// What is said of it.
    pub why: String,
}

/// A page.
#[derive(Debug)]
pub struct Page {
    protocol: Protocol,
    axe: String,
}

impl Page {
    pub(super) async fn new(mut protocol: Protocol, axe: String) -> Result<Self> {
        let blank = json!({ "url": "about:blank" });
        let Made { target } = protocol.ask("Target.createTarget", blank).await?;
        let which = json!({ "targetId": target, "flatten": true });
        let Attached { session } = protocol.ask("Target.attachToTarget", which).await?;
        protocol.attach(session);
        let mut page = Self { protocol, axe };
        for domain in ["Page", "Runtime", "Log"] {
            page.tell(&format!("{domain}.enable"), json!({})).await?;
        }
        page.screen(Screen::DESK).await?;
        Ok(page)
    }

    /// Asks for something that has no answer but whether it was done.
    async fn tell(&mut self, method: &str, parameters: Value) -> Result<()> {
        self.protocol.ask::<Value>(method, parameters).await.map(drop)
    }

    /// Looks at it with another screen.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn screen(&mut self, screen: Screen) -> Result<()> {
        let Screen { width, height, dark } = screen;
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.tell("Emulation.setDeviceMetricsOverride", metrics).await?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", media).await
    }

    /// Has a script run before those of each page that is opened from now on, and nothing be kept
    /// from one page to the next.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn measure(&mut self, script: &str) -> Result<()> {
        self.tell("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await?;
        let script = json!({ "source": script });
        self.tell("Page.addScriptToEvaluateOnNewDocument", script).await
    }

    /// Goes to an address, from nowhere, and waits until it was loaded.
    ///
    /// # Errors
    /// Where nobody answers there.
    pub async fn open(&mut self, address: &str) -> Result<()> {
        // An address that differs in its end alone would not be loaded anew.
        for place in ["about:blank", address] {
            let Opened { failed } =
                self.protocol.ask("Page.navigate", json!({ "url": place })).await?;
            ensure!(failed.is_none(), "{place}: {failed:?}");
        }
        self.until("document.readyState === 'complete'", Duration::from_secs(30)).await
    }

    /// What a script gives; a promise is waited for.
    ///
    /// # Errors
    /// Where it throws, or gives something else.
    pub async fn ask<T: DeserializeOwned>(&mut self, script: &str) -> Result<T> {
        let parameters =
            json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let Evaluated { result, thrown } =
            self.protocol.ask("Runtime.evaluate", parameters).await?;
        if let Some(thrown) = thrown {
            bail!("{script}: {thrown}");
        }
        serde_json::from_value(result.value).with_context(|| script.to_owned())
    }

    /// Waits until a script gives `true`.
    ///
    /// # Errors
    /// Where `limit` passes first; with what the page says.
    pub async fn until(&mut self, script: &str, limit: Duration) -> Result<()> {
        let start = Instant::now();
        // While a page is being loaded there may be nothing to ask yet.
        while !self.ask::<bool>(script).await.unwrap_or(false) {
            if start.elapsed() > limit {
                let text: String = self.ask("document.body.innerText").await?;
                bail!("never was so within {limit:?}: {script}\nthe page says:\n{text}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until an element shows this text, in any case of letters.
    ///
    /// # Errors
    /// Where `limit` passes first; with what the page says.
    pub async fn shows(&mut self, selector: &str, text: &str, limit: Duration) -> Result<()> {
        let (selector, text) = (json!(selector), json!(text.to_lowercase()));
        let script = format!(
            "[...document.querySelectorAll({selector})].some((one) => one.checkVisibility() && \
             one.textContent.toLowerCase().includes({text}))"
        );
        self.until(&script, limit).await
    }

    /// Clicks into the middle of an element, as a mouse does.
    ///
    /// # Errors
    /// Where there is none, or something else lies above it.
    pub async fn click(&mut self, selector: &str) -> Result<()> {
        let named = json!(selector);
        let script = format!(
            "(() => {{ const one = document.querySelector({named}); one.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const box = one.getBoundingClientRect(); \
             const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]; \
             return {{ x, y, hit: one.contains(document.elementFromPoint(x, y)) }}; }})()"
        );
        let Place { x, y, hit } = self.ask(&script).await?;
        ensure!(hit, "something lies above {selector}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1,
            });
            self.tell("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Presses a key: `Tab`, `Enter` or `Escape`.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Tab" => (9, ""),
            other => bail!("nobody has said what the key {other} is"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.tell("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// Writes into what has the focus.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn write(&mut self, text: &str) -> Result<()> {
        self.tell("Input.insertText", json!({ "text": text })).await
    }

    /// What the screen shows, as a PNG.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn picture(&mut self) -> Result<Vec<u8>> {
        let Picture { data } =
            self.protocol.ask("Page.captureScreenshot", json!({ "format": "png" })).await?;
        Base64::decode_vec(&data).map_err(|error| anyhow::anyhow!("the picture: {error}"))
    }

    /// What axe-core finds that keeps people out, and what it cannot tell by itself.
    ///
    /// # Errors
    /// Where it does not run.
    pub async fn barriers(&mut self) -> Result<Barriers> {
        if !self.ask::<bool>("'axe' in window").await? {
            let script = json!({ "expression": self.axe });
            self.tell("Runtime.evaluate", script).await?;
        }
        self.ask(
            "axe.run().then(({ violations, incomplete }) => { \
                 const told = (rules) => rules.flatMap(({ id, nodes }) => nodes.map((node) => \
                     ({ rule: id, place: node.html, why: node.failureSummary ?? '' }))); \
                 return { found: told(violations), undecided: told(incomplete) }; })",
        )
        .await
    }

    /// What went wrong on the page since it was made: errors of its scripts, and what its policy
    /// kept it from.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.protocol.faults
    }

    /// What servers refused the page since it was made, each with its address.
    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.protocol.refused
    }

    /// Sends these headers with every request from now on, as a proxy in between does.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn pass_through(&mut self, headers: Value) -> Result<()> {
        self.tell("Network.enable", json!({})).await?;
        self.tell("Network.setExtraHTTPHeaders", json!({ "headers": headers })).await
    }
}

#[derive(Deserialize)]
struct Made {
    #[serde(rename = "targetId")]
    target: String,
}

#[derive(Deserialize)]
struct Attached {
    #[serde(rename = "sessionId")]
    session: String,
}

#[derive(Deserialize)]
struct Opened {
    #[serde(rename = "errorText")]
    failed: Option<String>,
}

#[derive(Deserialize)]
struct Evaluated {
    result: Evaluation,
    #[serde(rename = "exceptionDetails")]
    thrown: Option<Value>,
}

/// What a script gives; `undefined` has no value.
#[derive(Deserialize)]
struct Evaluation {
    #[serde(default)]
    value: Value,
}

/// Where an element's middle is, and whether a click there meets it.
#[derive(Deserialize)]
struct Place {
    x: f64,
    y: f64,
    hit: bool,
}

#[derive(Deserialize)]
struct Picture {
    data: String,
}
