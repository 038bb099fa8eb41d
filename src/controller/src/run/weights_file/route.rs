//! The weights in a proxy's file.

use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serin_rollout::{RouteSeen, Traffic};
use serin_routes::{Drift, Wanted, drift};
use tokio::sync::Notify;

use super::command;
use super::under_way::UnderWay;
use crate::engine::{Carry, Change, Load, NotCarried, lowered_by_hand, wanted};
use crate::input;
use crate::release::file::WeightsFile;
use crate::store::replace;

/// The longest file that is read, in bytes; what a template renders is far below.
const LONGEST: usize = 4 << 20;

/// Who may read a file that was not there before: its proxy runs as another user.
const MODE: u32 = 0o644;

/// How long a change is waited for; after that its release goes on looking while it is made. Most
/// commands only send a signal. It leaves half of the engine's patience with a router to the disk.
const AT_ONCE: Duration = Duration::from_secs(1);

/// One release's file.
#[derive(Debug)]
pub(in crate::run) struct Route {
    known: Arc<Known>,
    /// One change at a time.
    under_way: tokio::sync::Mutex<Option<UnderWay>>,
}

/// What is known of it.
#[derive(Debug)]
struct Known(Mutex<Kept>);

#[derive(Clone, Debug)]
struct Kept {
    file: Arc<WeightsFile>,
    /// The traffic that the proxy has taken over, by this process.
    taken: Option<Traffic>,
    /// What the file held, and no more, where nobody knows what the proxy has taken over: the command
    /// has failed, or a process before this one may have ended before it did.
    before: Option<Traffic>,
}

impl Kept {
    fn new(file: WeightsFile) -> Self {
        Self { file: Arc::new(file), taken: None, before: None }
    }

    fn known(&self) -> Option<Traffic> {
        self.taken.or(self.before)
    }
}

impl Route {
    pub(in crate::run) fn new(file: WeightsFile) -> Self {
        let known = Arc::new(Known(Mutex::new(Kept::new(file))));
        Self { known, under_way: tokio::sync::Mutex::new(None) }
    }

    /// Goes on with what the release file says now. Another template is another file.
    pub(in crate::run) fn set(&self, file: WeightsFile) {
        let mut kept = self.known.kept();
        if *kept.file != file {
            *kept = Kept::new(file);
        }
    }

    /// Whether the proxy has taken over this traffic.
    pub(super) fn has(&self, traffic: Traffic) -> bool {
        self.known.kept().taken.is_some_and(|taken| taken.revision == traffic.revision)
    }

    /// What the file says beside what it should.
    pub(super) async fn seen(&self, traffic: Traffic) -> RouteSeen {
        let kept = self.known.kept().clone();
        let file = &kept.file;
        let text = match read(file).await {
            Ok(Some(text)) => text,
            // It is written in the same pass.
            Ok(None) => return RouteSeen::AsSet,
            Err(why) => return RouteSeen::Unknown { why },
        };
        let lowered = |traffic| lowered(file, &text, traffic);
        match lowered_by_hand(traffic, kept.known(), lowered) {
            Some(weight) => RouteSeen::Lowered { weight },
            None => RouteSeen::AsSet,
        }
    }

    /// The traffic by the file as it is; `None` where there is no file.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) async fn in_force(&self) -> Result<Option<Wanted>, String> {
        let file = Arc::clone(&self.known.kept().file);
        let Some(text) = read(&file).await? else { return Ok(None) };
        let unlike = "it holds nothing that its template renders; take it away if nobody is on the \
                      canary";
        file.template.read(&text).map(Some).ok_or_else(|| about(&file, unlike))
    }

    /// Brings it there. A change that is not there soon is under way: its outcome is told when it
    /// is asked for again. Another traffic ends it, so that a rollback waits for no rise.
    async fn bring(&self, traffic: Traffic, change: Change) -> Result<(), NotCarried> {
        let mut slot = self.under_way.lock().await;
        let file = Arc::clone(&self.known.kept().file);
        let mut patience = AT_ONCE;
        if let Some(earlier) = slot.as_mut() {
            if earlier.brings(&file, traffic) {
                patience = Duration::ZERO;
            } else {
                earlier.cut_short().await;
                *slot = None;
            }
        }
        let under_way = slot.get_or_insert_with(|| {
            let known = Arc::clone(&self.known);
            UnderWay::start(Arc::clone(&file), traffic, |cut_short| async move {
                known.bring(traffic, change, &cut_short).await
            })
        });
        if let Some(outcome) = under_way.outcome(patience).await {
            *slot = None;
            return Ok(outcome?);
        }
        Err(NotCarried::UnderWay(about(&file, "the command that has the proxy take it still runs")))
    }
}

impl Known {
    async fn bring(
        &self,
        traffic: Traffic,
        change: Change,
        cut_short: &Notify,
    ) -> Result<(), String> {
        let kept = self.kept().clone();
        let (known, Kept { file, taken, .. }) = (kept.known(), kept);
        let text = file.template.render(wanted(traffic)).map_err(|why| about(&file, &why))?;
        let present = read(&file).await?;
        // Who wrote the file and ended before the command did may not have had it taken over.
        if present.as_ref() == Some(&text) && taken.is_some() {
            self.note(&file, traffic);
            return Ok(());
        }
        let by_hand = change.looks_beside(known, traffic).zip(present.as_ref());
        if by_hand.is_some_and(|(before, present)| lowered(&file, present, before).is_some()) {
            return change.after_lowering().map_err(|why| about(&file, why));
        }
        write(&file, text).await?;
        if let Err(why) = take_over(&file, cut_short).await {
            self.forget(&file, Some(traffic));
            if change == Change::More
                && let Some(present) = present
            {
                // Whoever has the proxy take its file later is not to raise the weight by that.
                write(&file, present).await?;
                self.forget(&file, known);
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

    /// Nobody knows what the proxy goes by: the next pass writes anew. `held`: what the file has.
    fn forget(&self, file: &Arc<WeightsFile>, held: Option<Traffic>) {
        self.with(file, |kept| (kept.taken, kept.before) = (None, held));
    }

    /// Changes what is known of this file, unless another one has taken its place meanwhile.
    fn with(&self, file: &Arc<WeightsFile>, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        if Arc::ptr_eq(&kept.file, file) {
            change(&mut kept);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carry for Route {
    fn carry(&self, load: Load, change: Change) -> BoxFuture<'_, Result<(), NotCarried>> {
        self.bring(load.traffic, change).boxed()
    }

    fn known(&self) -> Option<Traffic> {
        self.known.kept().known()
    }

    fn go_on_from(&self, known: Option<Traffic>) {
        self.known.kept().before = known;
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

async fn take_over(file: &WeightsFile, cut_short: &Notify) -> Result<(), String> {
    match &file.reload {
        Some(reload) => command::run(reload, cut_short).await,
        None => Ok(()),
    }
}

fn about(file: &WeightsFile, why: &str) -> String {
    format!("{}: {why}", file.path.display())
}

#[cfg(test)]
mod tests;
