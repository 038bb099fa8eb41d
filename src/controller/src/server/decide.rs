//! Decisions for proxies that cannot run the filter, by the document as it is served.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::HeaderMap;
use serin_document::{Compiled, Environment};

use super::App;
use crate::decide::{Figures, Told, decide};
use crate::metrics::now_ms;
use crate::publish::Published;

/// What decides, and what was counted of it.
#[derive(Debug, Default)]
pub struct Deciding {
    figures: Figures,
    /// The document that was asked about last.
    compiled: Mutex<Option<Arc<Compiled>>>,
}

impl Deciding {
    /// The document made ready: at the first request after it was shown, since most controllers are
    /// never asked.
    fn compiled(&self, published: Option<&Published>) -> Arc<Compiled> {
        let mut held = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = published.map(|published| published.revision);
        if let Some(ready) = held.as_ref().filter(|ready| ready.revision() == wanted) {
            return Arc::clone(ready);
        }
        let env = Environment::default();
        let parsed =
            published.and_then(|published| serin_document::parse(published.json.as_bytes()).ok());
        let ready = Arc::new(match parsed {
            Some(parsed) => Compiled::compile(parsed, None, &env),
            None => Compiled::empty(&env),
        });
        *held = Some(Arc::clone(&ready));
        ready
    }

    /// Writes what was counted, and of the rollouts that were asked about what is in force: of
    /// others this process is no proxy, and cannot prove that they are live.
    pub(super) fn write(&self, text: &mut String, published: Option<&Published>) -> fmt::Result {
        let rollouts = published.map_or(&[][..], |published| &published.rollouts);
        let asked = rollouts.iter().filter(|one| self.figures.was_asked(one.name.as_str()));
        let asked = asked.map(|one| (&one.name, one.revision, one.weight));
        self.figures.write(text, asked, None)
    }
}

/// `/v1/decide/forwarded`
pub(super) async fn forwarded(State(app): State<Arc<App>>, headers: HeaderMap) -> HeaderMap {
    answer(&app, &headers, Told::Forwarded)
}

/// `/v1/decide/original`
pub(super) async fn original(State(app): State<Arc<App>>, headers: HeaderMap) -> HeaderMap {
    answer(&app, &headers, Told::Original)
}

fn answer(app: &App, headers: &HeaderMap, told: Told) -> HeaderMap {
    let published = app.board.watch().borrow().clone();
    let compiled = app.deciding.compiled(published.as_deref());
    decide(&compiled, headers, told, Duration::from_millis(now_ms()), &app.deciding.figures)
}
