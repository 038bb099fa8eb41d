//! What the rollouts of one document have to share, and what one may not do to itself.

use hashbrown::{HashMap, HashSet};

use crate::{CompiledRollout, Fault, IdentitySource, MarkName, Rollout, RolloutName};

/// The most marks that one document may use: every request is searched for each, so that none that
/// is forged gets through.
const MAX_MARKS: usize = 16;

/// The most pairs of host and path prefix in one document: some ten megabytes of tables in every
/// worker, where a few hostile kilobytes could else ask for gigabytes.
const MAX_PAIRS: usize = 100_000;

/// A request's mark is written here, so it can't say who sends it or what a tester wants: under
/// `replace` anybody could forge it, under `keep` it has been read already.
pub(crate) fn check_mark(compiled: &CompiledRollout) -> Result<(), Fault> {
    let mark = compiled.mark();
    let is_mark = |source: &IdentitySource| matches!(source, IdentitySource::Header(name) if name.as_str() == mark.as_str());
    let Rollout { identity, testers, .. } = compiled.rollout().as_ref();
    if identity.iter().chain(testers).any(is_mark) {
        return Err(Fault::new(
            "mark",
            &format!("\"{mark}\""),
            "the mark's header is written here and is neither an id nor a tester's choice",
        ));
    }
    Ok(())
}

/// What all rollouts of a document share.
#[derive(Default)]
pub(crate) struct Limits {
    marks: HashSet<MarkName>,
    metric_ids: HashMap<Box<str>, RolloutName>,
    pairs: usize,
}

impl Limits {
    pub(crate) fn check(&self, compiled: &CompiledRollout, hosts: usize) -> Result<(), Fault> {
        if !self.marks.contains(compiled.mark()) && self.marks.len() >= MAX_MARKS {
            return Err(Fault::new(
                "mark",
                &format!("\"{}\"", compiled.mark()),
                format!(
                    "a document uses at most {MAX_MARKS} marks, since every request is searched for each"
                ),
            ));
        }
        if let Some(other) = self.metric_ids.get(compiled.metric_id()) {
            return Err(Fault::new(
                "name",
                &format!("\"{}\"", compiled.name()),
                format!(
                    "its metric id {} is that of {other} too: one of the two needs another name",
                    compiled.metric_id()
                ),
            ));
        }
        let pairs = hosts * compiled.rollout().paths.len();
        if self.pairs + pairs > MAX_PAIRS {
            return Err(Fault::new(
                "hosts",
                &format!("{hosts} hosts with {} paths", compiled.rollout().paths.len()),
                format!(
                    "a document has at most {MAX_PAIRS} pairs of host and path, and earlier rollouts have {}",
                    self.pairs
                ),
            ));
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, compiled: &CompiledRollout, hosts: usize) {
        self.marks.insert(compiled.mark().clone());
        self.metric_ids.insert(compiled.metric_id().into(), compiled.name().clone());
        self.pairs += hosts * compiled.rollout().paths.len();
    }
}
