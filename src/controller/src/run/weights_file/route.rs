//! The weights in a proxy's file.

use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serin_rollout::{RouteSeen, Traffic};
use serin_routes::{Drift, Wanted, drift};

use super::command;
use crate::engine::{Carry, Change, wanted};
use crate::input;
use crate::release::file::WeightsFile;
use crate::store::replace;

/// The longest file that is read, in bytes; what a template renders is far below.
const LONGEST: usize = 4 << 20;

/// Who may read a file that was not there before: its proxy runs as another user.
const MODE: u32 = 0o644;

/// How much longer than its command a write may take, for the disk.
const WRITING: Duration = Duration::from_secs(2);

/// One release's file.
#[derive(Debug)]
pub(in crate::run) struct Route {
    kept: Mutex<Kept>,
    /// One write at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Kept {
    file: Arc<WeightsFile>,
    /// The traffic that the proxy has taken over, by this process.
    taken: Option<Traffic>,
}

impl Route {
    pub(in crate::run) fn new(file: WeightsFile) -> Self {
        Self {
            kept: Mutex::new(Kept { file: Arc::new(file), taken: None }),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Goes on with what the release file says now. Another template is another file.
    pub(in crate::run) fn set(&self, file: WeightsFile) {
        let mut kept = self.kept();
        if *kept.file != file {
            *kept = Kept { file: Arc::new(file), taken: None };
        }
    }

    /// Whether the proxy has taken over this traffic.
    pub(super) fn has(&self, traffic: Traffic) -> bool {
        self.kept().taken.is_some_and(|taken| taken.revision == traffic.revision)
    }

    /// What the file says beside what it should.
    pub(super) async fn seen(&self, traffic: Traffic) -> RouteSeen {
        let Kept { file, taken } = self.kept().clone();
        let text = match read(&file).await {
            Ok(Some(text)) => text,
            // It is written in the same pass.
            Ok(None) => return RouteSeen::AsSet,
            Err(why) => return RouteSeen::Unknown { why },
        };
        // A rise that is not written yet is no drift.
        let carried = taken.is_none_or(|taken| taken == traffic);
        match lowered(&file, &text, traffic).filter(|_| carried) {
            Some(weight) => RouteSeen::Lowered { weight },
            None => RouteSeen::AsSet,
        }
    }

    /// The traffic by the file as it is; `None` where there is no file.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) async fn in_force(&self) -> Result<Option<Wanted>, String> {
        let file = Arc::clone(&self.kept().file);
        let Some(text) = read(&file).await? else { return Ok(None) };
        let unlike = "it holds nothing that its template renders; take it away if nobody is on the \
                      canary";
        file.template.read(&text).map(Some).ok_or_else(|| about(&file, unlike))
    }

    async fn bring(&self, traffic: Traffic, change: Change) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        let Kept { file, taken } = self.kept().clone();
        let text = file.template.render(wanted(traffic)).map_err(|why| about(&file, &why))?;
        let present = read(&file).await?;
        // Who wrote the file and ended before the command did may not have had it taken over.
        if present.as_ref() == Some(&text) && taken.is_some() {
            self.note(&file, traffic);
            return Ok(());
        }
        let by_hand = change.looks_beside(taken, traffic).zip(present.as_ref());
        if by_hand.is_some_and(|(before, present)| lowered(&file, present, before).is_some()) {
            return change.after_lowering().map_err(|why| about(&file, why));
        }
        write(&file, text).await?;
        if let Err(why) = take_over(&file).await {
            self.forget(&file);
            if change == Change::More
                && let Some(present) = present
            {
                // Whoever has the proxy take its file later is not to raise the weight by that.
                write(&file, present).await?;
            }
            return Err(about(&file, &format!("the proxy has not taken it: {why}")));
        }
        tracing::info!(file = %file.path.display(), weight = %traffic.weight, "weights written");
        self.note(&file, traffic);
        Ok(())
    }

    fn note(&self, file: &Arc<WeightsFile>, traffic: Traffic) {
        self.with(file, |kept| kept.taken = Some(traffic));
    }

    /// Nobody knows what the proxy goes by: the next pass writes anew.
    fn forget(&self, file: &Arc<WeightsFile>) {
        self.with(file, |kept| kept.taken = None);
    }

    /// Changes what is known of this file, unless another one has taken its place meanwhile.
    fn with(&self, file: &Arc<WeightsFile>, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        if Arc::ptr_eq(&kept.file, file) {
            change(&mut kept);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carry for Route {
    fn carry(&self, traffic: Traffic, change: Change) -> BoxFuture<'_, Result<(), String>> {
        self.bring(traffic, change).boxed()
    }

    fn patience(&self) -> Duration {
        let file = Arc::clone(&self.kept().file);
        file.reload.as_ref().map_or(Duration::ZERO, |reload| reload.timeout) + WRITING
    }
}

/// The weight in a text by which somebody has taken users from the canary; none where nobody has.
fn lowered(file: &WeightsFile, text: &str, traffic: Traffic) -> Option<serin_assignment::Weight> {
    if file.template.render(wanted(traffic)).is_ok_and(|expected| expected == text) {
        return None;
    }
    match drift(&file.template.read(text)?.integers(), &wanted(traffic)) {
        Drift::Lowered(weight) => Some(weight),
        Drift::None | Drift::Other(_) => None,
    }
}

/// What the file holds; `None` where there is none.
async fn read(file: &Arc<WeightsFile>) -> Result<Option<String>, String> {
    let path = file.path.clone();
    let bytes = on_disk(move || match input::read(&path, LONGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    });
    let bytes = bytes.await.map_err(|error| about(file, &error.to_string()))?;
    // Bytes that are no text are none of ours.
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

async fn write(file: &Arc<WeightsFile>, text: String) -> Result<(), String> {
    let path: PathBuf = file.path.clone();
    on_disk(move || replace::replace(&path, text.as_bytes(), MODE))
        .await
        .map_err(|error| about(file, &error.to_string()))
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let ended_early = |_| io::Error::other("the task for it ended early");
    tokio::task::spawn_blocking(work).await.map_err(ended_early)?
}

async fn take_over(file: &WeightsFile) -> Result<(), String> {
    match &file.reload {
        Some(reload) => command::run(reload).await,
        None => Ok(()),
    }
}

fn about(file: &WeightsFile, why: &str) -> String {
    format!("{}: {why}", file.path.display())
}

#[cfg(test)]
mod tests;
