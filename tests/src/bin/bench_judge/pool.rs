//! Spreads runs over the processor's cores.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::outcome::Outcomes;

/// Runs that a thread takes at a time.
const BATCH: u32 = 10;

/// Runs numbers from 0 and gives the outcomes of each rule, in the order in which a run names them.
/// How far it is shows on a terminal.
pub(crate) fn outcomes<const RULES: usize>(
    name: &str,
    runs: u32,
    run: impl Fn(u32) -> [Option<u32>; RULES] + Sync,
) -> [Outcomes; RULES] {
    let next = AtomicU32::new(0);
    let progress = stderr().is_terminal();
    let work = || {
        let mut own = [const { Outcomes::new() }; RULES];
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= runs {
                return own;
            }
            if progress && first.is_multiple_of(BATCH * 10) {
                // A terminal that takes no more is no reason to stop.
                let _ = write!(stderr().lock(), "\r\x1b[K{name}: {first} of {runs} runs");
            }
            for number in first..(first + BATCH).min(runs) {
                for (all, minute) in own.iter_mut().zip(run(number)) {
                    all.push(minute);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut all = [const { Outcomes::new() }; RULES];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            // What a worker panics with is the bench's own fault: it ends the bench.
            let own = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for (all, own) in all.iter_mut().zip(own) {
                all.extend(own);
            }
        }
    });
    if progress {
        let _ = write!(stderr().lock(), "\r\x1b[K");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Figure;

    #[test]
    fn every_run_counts_once() {
        let [even, none] = outcomes("test", 101, |run| [(run % 2 == 0).then_some(run), None]);
        // 51 of 101 have an even number: half of all is reached with the last of them.
        assert_eq!(even.show(Figure::Minutes), "100/-");
        assert_eq!(
            (even.show(Figure::Rate), none.show(Figure::Rate)),
            ("50 %".into(), "0 %".into())
        );
    }
}
