//! What the controller remembers of each release: one file, replaced as a whole, owned by one
//! process.
//!
//! Intent is written before an act and its outcome after, so that a controller killed at any point
//! goes on where it was. A file that cannot be understood is never overwritten.

mod bounds;
mod journal;
mod lock;
mod record;
pub(crate) mod replace;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use bounds::Bounds;
pub use journal::{Journal, JournalError};
pub use lock::Holder;
pub use record::{ActiveAlert, Given, Live, Logged, Memory, Record};

use lock::Lock;

/// Who may read a state file: nobody but its owner.
const MODE: u32 = 0o600;

/// The folder that holds the files.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder, made where it is missing, readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError::Folder`] where it cannot be made.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(path)
            .map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The intervals of a release whose record is kept elsewhere.
    ///
    /// # Errors
    /// [`StoreError::Name`] where the names make no file name.
    pub fn journal(&self, namespace: &str, name: &str) -> Result<Journal, StoreError> {
        let stem = stem(namespace, name)?;
        Ok(Journal::new(self.0.join(format!("{stem}.intervals.jsonl"))))
    }

    /// Takes the release's file for this process.
    ///
    /// # Errors
    /// [`StoreError::Held`] where another process has it, [`StoreError::Name`] where the names
    /// make no file name, [`StoreError::Lock`] where the lock cannot be made.
    pub fn open(&self, namespace: &str, name: &str) -> Result<StateFile, StoreError> {
        let stem = stem(namespace, name)?;
        let path = self.0.join(format!("{stem}.json"));
        let lock = Lock::take(&self.0.join(format!("{stem}.lock")), &path)?;
        let journal = Arc::new(self.journal(namespace, name)?);
        Ok(StateFile { path, journal, newest: Mutex::new(0), writing: Arc::default(), _lock: lock })
    }
}

/// What the names of a release's files begin with. The first dot ends the namespace, so that no two
/// releases share a file.
fn stem(namespace: &str, name: &str) -> Result<String, StoreError> {
    let usable = |part: &str| !part.is_empty() && !part.contains(['/', '\0']);
    if usable(namespace) && usable(name) && !namespace.contains('.') {
        return Ok(format!("{namespace}.{name}"));
    }
    Err(StoreError::Name { namespace: namespace.to_owned(), name: name.to_owned() })
}

/// One release's file, held by this process until it is dropped.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    journal: Arc<Journal>,
    /// The newest record written; a write that comes late (its disk hung) must not undo it.
    newest: Mutex<u64>,
    /// Held while a write is under way.
    writing: Arc<tokio::sync::Mutex<()>>,
    _lock: Lock,
}

impl StateFile {
    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The intervals that the release's evidence is made from.
    #[must_use]
    pub const fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Waits until no write is under way; the next one begins once this is given back.
    pub(crate) async fn turn(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.writing).lock_owned().await
    }

    /// What was stored last; `None` where nothing ever was.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the file cannot be read, [`StoreError::Corrupt`] where it is not
    /// wholly understood. Either way it stays as it is.
    pub fn load(&self) -> Result<Option<Record>, StoreError> {
        let json = match fs::read(&self.path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Read { path: self.path.clone(), source }),
        };
        let corrupt = |why| StoreError::Corrupt { path: self.path.clone(), why };
        let record = record::read(&json).map_err(corrupt)?;
        let owner = format!("{}.{}.json", record.namespace, record.name);
        if self.path.file_name().is_none_or(|file| file != owner.as_str()) {
            let why = format!("it holds the state of {}/{}", record.namespace, record.name);
            return Err(corrupt(why));
        }
        Ok(Some(record))
    }

    /// Puts the record in place of what was stored. Blocks until the disk has it.
    ///
    /// A record older (by [`Record::serial`]) than the one that was stored last changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Write`]; the file then holds what it held before.
    pub fn save(&self, record: &Record) -> Result<(), StoreError> {
        let failed = |source| StoreError::Write { path: self.path.clone(), source };
        let mut json = serde_json::to_vec_pretty(record).map_err(|e| failed(e.into()))?;
        json.push(b'\n');
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if record.serial < *newest {
            return Ok(());
        }
        replace::replace(&self.path, &json, MODE).map_err(failed)?;
        *newest = record.serial;
        Ok(())
    }
}

/// Why state cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the state folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The names make no file name.
    #[error(
        "no state file can be named after the release {namespace}/{name}: neither part may be \
         empty or hold '/', and the namespace no '.'"
    )]
    Name {
        /// The release's namespace.
        namespace: String,
        /// The release's name.
        name: String,
    },
    /// The lock cannot be made.
    #[error("cannot lock the state file by {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the file.
    #[error(
        "the state file {} is held by another controller: {}",
        path.display(),
        holder.as_ref().map_or_else(|| "a process that is just starting".to_owned(), Holder::to_string)
    )]
    Held {
        /// The state file.
        path: PathBuf,
        /// Who has it, where it has said so.
        holder: Option<Holder>,
    },
    /// The file cannot be read.
    #[error("cannot read the state file {}: {source}", path.display())]
    Read {
        /// The state file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not wholly understood.
    #[error(
        "the state file {} is not usable and stays as it is: {why}. Put a good copy in its place; \
         or move it away to start as if the state had been lost: the weight in force is then asked \
         from Prometheus, and a release that has weight waits for a person before any rise",
        path.display()
    )]
    Corrupt {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The disk takes too long; the write may still succeed.
    #[error("the disk has not taken the state file within {after:?}")]
    Slow {
        /// How long was waited.
        after: core::time::Duration,
    },
    /// The API server does not take it.
    #[error("the status of CanaryRelease {object} cannot be written: {why}")]
    Object {
        /// The release.
        object: String,
        /// Why.
        why: String,
    },
    /// The file cannot be written.
    #[error("cannot write the state file {}: {source}", path.display())]
    Write {
        /// The state file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
