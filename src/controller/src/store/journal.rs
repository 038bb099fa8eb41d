//! Every interval that the evidence of a rollout was made from, a line each, so that anybody can
//! compute it again.
//!
//! It is written beside the rollout, never in its way: by a thread of its own, after the decision.
//! What cannot be written is left out, which a reader finds by the numbers of the intervals.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

use serin_judge::panel::Absorbed;

/// A week of three gates at a scrape of 15 s takes about half of it.
const LARGEST_BYTES: u64 = 64 << 20;

/// So many passes may wait for a disk that hangs, minutes of the shortest ones.
const MOST_WAITING: usize = 1024;

/// How long the end of the process may wait for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A release's journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// `None` before the first line, so that a release without traffic costs no thread.
    writer: Mutex<Option<Writer>>,
    /// Held by who reads, since that may take up as much memory: one at a time.
    reading: Mutex<()>,
}

#[derive(Debug)]
struct Writer {
    notes: SyncSender<Note>,
    /// Never gets a message: it is closed when the thread has ended.
    ended: Receiver<()>,
}

/// What was absorbed in one pass.
#[derive(Debug)]
struct Note {
    /// Whether a rollout begins with it.
    anew: bool,
    absorbed: Vec<Absorbed>,
}

/// Why the intervals of a gate cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read.
    #[error("cannot read the intervals in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Some of them were never written.
    #[error(
        "the intervals of gate `{gate}` are not all there: number {number} was never written \
         (a full disk, a controller that was killed, or more than 64 MiB of them), so that the \
         evidence cannot be computed again from them"
    )]
    Missing {
        /// The gate.
        gate: String,
        /// The first one that is missing, counted from 0.
        number: u64,
    },
}

impl Journal {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, writer: Mutex::new(None), reading: Mutex::new(()) }
    }

    /// Notes what a pass absorbed, without waiting; `anew` where a rollout begins with it.
    pub fn note(&self, anew: bool, absorbed: Vec<Absorbed>) {
        if absorbed.is_empty() && !anew {
            return;
        }
        let mut writer = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if writer.is_none() {
            match Writer::start(self.path.clone()) {
                Ok(started) => *writer = Some(started),
                Err(error) => {
                    tracing::warn!(file = %self.path.display(), %error, "intervals are not written");
                    return;
                }
            }
        }
        let sent = writer.as_ref().map(|it| it.notes.try_send(Note { anew, absorbed }));
        if let Some(Err(TrySendError::Disconnected(_))) = sent {
            *writer = None;
        }
    }

    /// The intervals that a gate's evidence is made from, oldest first.
    ///
    /// # Errors
    /// [`JournalError`] where they cannot be read or are not all there.
    pub fn read(&self, gate: &str) -> Result<Vec<Absorbed>, JournalError> {
        let _reading = self.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |source| JournalError::Read { path: self.path.clone(), source };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut kept = BTreeMap::new();
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(failed)?;
            // A line that a crash left half written.
            let Ok(absorbed) = serde_json::from_slice::<Absorbed>(&line) else { continue };
            if absorbed.gate == gate {
                // A test that began anew, or a state from before a crash, counts again from there.
                kept.split_off(&absorbed.number);
                kept.insert(absorbed.number, absorbed);
            }
        }
        match (0..).zip(kept.keys()).find(|(expected, number)| expected != *number) {
            Some((number, _)) => Err(JournalError::Missing { gate: gate.to_owned(), number }),
            None => Ok(kept.into_values().collect()),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(Writer { notes, ended }) = writer.take() {
            drop(notes);
            let _: Result<(), RecvTimeoutError> = ended.recv_timeout(LAST_LINES);
        }
    }
}

impl Writer {
    fn start(path: PathBuf) -> io::Result<Self> {
        let (notes, waiting) = sync_channel::<Note>(MOST_WAITING);
        let (end, ended) = sync_channel(1);
        std::thread::Builder::new().name("intervals".to_owned()).spawn(move || {
            let _end = end;
            let mut complained = false;
            for note in waiting {
                if let Err(error) = write(&path, &note)
                    && !core::mem::replace(&mut complained, true)
                {
                    tracing::warn!(file = %path.display(), %error, "intervals are not written");
                }
            }
        })?;
        Ok(Self { notes, ended })
    }
}

/// Appends the lines of a note; one that begins a rollout takes the place of all before it.
fn write(path: &Path, note: &Note) -> io::Result<()> {
    let mut lines = Vec::new();
    for absorbed in &note.absorbed {
        serde_json::to_writer(&mut lines, absorbed)?;
        lines.push(b'\n');
    }
    if note.anew {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let length = file.metadata()?.len();
    if length > LARGEST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has 64 MiB"));
    }
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(&lines)
}

#[cfg(test)]
mod tests {
    use serin_judge::{Counts, Interval};

    use super::*;

    fn absorbed(gate: &str, number: u64, canary: f64) -> Absorbed {
        let counts = Counts::try_new(canary, 1.0, 10.0, 2.0).unwrap();
        let streams = vec![Interval { cohorts: vec![counts; 2], rest: Counts::ZERO }];
        Absorbed { gate: gate.to_owned(), number, to_ms: 1000 * number, skipped: false, streams }
    }

    fn write_all(path: &Path, notes: &[(bool, &[Absorbed])]) {
        for (anew, absorbed) in notes {
            write(path, &Note { anew: *anew, absorbed: absorbed.to_vec() }).unwrap();
        }
    }

    fn scratch() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("demo.shop.intervals.jsonl"));
        (folder, journal)
    }

    #[test]
    fn what_was_noted_is_read_by_gate_once_it_is_written() {
        let (_folder, journal) = scratch();
        assert_eq!(journal.read("errors").unwrap(), []);
        journal.note(true, vec![absorbed("errors", 0, 5.0), absorbed("slow", 0, 6.0)]);
        journal.note(false, vec![absorbed("errors", 1, 7.0)]);
        journal.note(false, Vec::new());
        let path = journal.path.clone();
        drop(journal);
        let journal = Journal::new(path);
        let expected = [absorbed("errors", 0, 5.0), absorbed("errors", 1, 7.0)];
        assert_eq!(journal.read("errors").unwrap(), expected);
        assert_eq!(journal.read("slow").unwrap(), [absorbed("slow", 0, 6.0)]);
    }

    #[test]
    fn a_rollout_begins_with_an_empty_journal_and_a_test_with_its_first_interval() {
        let (_folder, journal) = scratch();
        let path = &journal.path;
        write_all(path, &[(true, &[absorbed("errors", 0, 1.0), absorbed("slow", 0, 1.0)])]);
        write_all(path, &[(false, &[absorbed("errors", 1, 2.0)])]);
        write_all(path, &[(false, &[absorbed("errors", 0, 3.0)])]);
        assert_eq!(journal.read("errors").unwrap(), [absorbed("errors", 0, 3.0)]);
        write_all(path, &[(true, &[absorbed("errors", 0, 4.0)])]);
        assert_eq!(journal.read("errors").unwrap(), [absorbed("errors", 0, 4.0)]);
        assert_eq!(journal.read("slow").unwrap(), []);
    }

    #[test]
    fn after_a_crash_nothing_stands_in_it_twice_and_a_torn_line_costs_itself_only() {
        let (_folder, journal) = scratch();
        let path = &journal.path;
        let first =
            [absorbed("errors", 0, 1.0), absorbed("errors", 1, 2.0), absorbed("errors", 2, 3.0)];
        write_all(path, &[(true, &first)]);
        let torn = fs::read(path).unwrap();
        fs::write(path, &torn[..torn.len() - 9]).unwrap();
        // The state before the crash had absorbed one.
        write_all(path, &[(false, &[absorbed("errors", 1, 8.0), absorbed("errors", 2, 9.0)])]);
        let expected =
            [absorbed("errors", 0, 1.0), absorbed("errors", 1, 8.0), absorbed("errors", 2, 9.0)];
        assert_eq!(journal.read("errors").unwrap(), expected);
    }

    #[test]
    fn what_was_never_written_is_told() {
        let (_folder, journal) = scratch();
        write_all(
            &journal.path,
            &[(true, &[absorbed("errors", 0, 1.0), absorbed("errors", 2, 1.0)])],
        );
        let error = journal.read("errors").unwrap_err().to_string();
        assert!(error.contains("`errors`") && error.contains("number 1"), "{error}");
    }

    #[test]
    fn a_full_journal_takes_no_more() {
        let (_folder, journal) = scratch();
        File::create(&journal.path).unwrap().set_len(LARGEST_BYTES + 1).unwrap();
        let note = Note { anew: false, absorbed: vec![absorbed("errors", 0, 1.0)] };
        assert_eq!(write(&journal.path, &note).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        write_all(&journal.path, &[(true, &note.absorbed)]);
        assert_eq!(journal.read("errors").unwrap(), note.absorbed);
    }

    #[test]
    fn a_folder_that_is_gone_hinders_nobody() {
        let (folder, journal) = scratch();
        drop(folder);
        journal.note(true, vec![absorbed("errors", 0, 1.0)]);
        assert_eq!(journal.read("errors").unwrap(), []);
    }
}
