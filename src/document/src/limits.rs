//! What the rollouts of one document have to share, and what one may not do to itself.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::token::Places;
use crate::{CompiledRollout, Fault, IdentitySource, MarkName, Named, Rollout, RolloutName};

/// The most marks, and the most headers for cohorts, that one document may use: every request is
/// searched for each, so that none that is forged gets through.
const MAX_WRITTEN: usize = 16;

/// The most pairs of host and path prefix in one document: some ten megabytes of tables in every
/// worker, where a few hostile kilobytes could else ask for gigabytes.
const MAX_PAIRS: usize = 100_000;

/// The most places of tokens in one document: every request is searched for each.
const MAX_TOKEN_PLACES: usize = 32;

/// A tester's token is taken off the request, and what is remembered is written here: neither is
/// where the user's id stands.
pub(crate) fn check_testers(compiled: &CompiledRollout) -> Result<(), Fault> {
    let Rollout { identity, testers, .. } = compiled.rollout().as_ref();
    for (index, tester) in testers.iter().enumerate() {
        let is_signed = tester.signed.is_some();
        let field = if is_signed && identity.iter().any(|id| id.stands_at(&tester.source)) {
            "signed"
        } else if let Some(cookie) = &tester.remember
            && identity.iter().any(|id| id.cookie() == Some(cookie))
        {
            "remember"
        } else {
            continue;
        };
        return Err(Fault::new(
            format_args!("testers[{index}].{field}"),
            "where an id stands",
            "a token is taken off before the request goes upstream, and a remembered choice has a cookie of its own, so neither stands where `identity` looks",
        ));
    }
    Ok(())
}

/// A request's mark and cohort are written here, so they can't say who sends it or what a tester
/// wants: under `replace` anybody could forge it, under `keep` it has been read already.
pub(crate) fn check_written(compiled: &CompiledRollout) -> Result<(), Fault> {
    let Rollout { identity, testers, rules, .. } = compiled.rollout().as_ref();
    let written = [("mark", Some(compiled.mark())), ("cohortHeader", compiled.cohort_header())];
    for (field, header) in written {
        let Some(header) = header else { continue };
        let is_it = |source: &IdentitySource| source.header() == Some(header.as_str());
        if identity.iter().any(is_it)
            || testers.iter().any(|tester| is_it(&tester.source))
            || rules.read_any(&is_it)
        {
            return Err(Fault::new(
                field,
                format_args!("\"{header}\""),
                "this header is written here: it is no id, no tester's choice and nothing that a rule goes by",
            ));
        }
    }
    Ok(())
}

/// What all rollouts of a document share.
pub(crate) struct Limits {
    /// The mark where no rollout is found.
    default_mark: MarkName,
    /// Few, as are the next.
    marks: Vec<MarkName>,
    cohort_headers: Vec<MarkName>,
    metric_ids: Named<RolloutName>,
    token_places: Places,
    pairs: usize,
}

impl Limits {
    pub(crate) fn new(default_mark: MarkName) -> Self {
        Self {
            default_mark,
            marks: Vec::new(),
            cohort_headers: Vec::new(),
            metric_ids: Named::default(),
            token_places: Places::default(),
            pairs: 0,
        }
    }

    pub(crate) fn check(&self, compiled: &CompiledRollout, hosts: usize) -> Result<(), Fault> {
        self.check_headers(compiled)?;
        if let Some(other) = self.metric_ids.find(compiled.metric_id().as_bytes()) {
            return Err(Fault::new(
                "name",
                format_args!("\"{}\"", compiled.name()),
                format_args!(
                    "its metric id {} is that of {other} too: one of the two needs another name",
                    compiled.metric_id()
                ),
            ));
        }
        self.check_token_places(compiled)?;
        let pairs = hosts * compiled.rollout().paths.len();
        if self.pairs + pairs > MAX_PAIRS {
            return Err(Fault::new(
                "hosts",
                format_args!("{hosts} hosts with {} paths", compiled.rollout().paths.len()),
                format_args!(
                    "a document has at most {MAX_PAIRS} pairs of host and path, and earlier rollouts have {}",
                    self.pairs
                ),
            ));
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, compiled: &CompiledRollout, hosts: usize) {
        add(&mut self.marks, compiled.mark());
        if let Some(header) = compiled.cohort_header() {
            add(&mut self.cohort_headers, header);
        }
        self.metric_ids.set(compiled.metric_id().as_bytes(), compiled.name().clone());
        self.token_places.extend(compiled.token_places());
        self.pairs += hosts * compiled.rollout().paths.len();
    }

    fn check_token_places(&self, compiled: &CompiledRollout) -> Result<(), Fault> {
        if compiled.token_places().is_empty() {
            return Ok(());
        }
        let mut places = self.token_places.clone();
        places.extend(compiled.token_places());
        if places.len() <= MAX_TOKEN_PLACES {
            return Ok(());
        }
        let rule = format!(
            "a document has at most {MAX_TOKEN_PLACES} places for tokens, since every request is searched for each"
        );
        Err(Fault::new("testers", format_args!("{} places", places.len()), rule))
    }

    /// Few headers, each of which means one thing on every path: else one rollout's mark would be
    /// removed as another's forged cohort.
    fn check_headers(&self, compiled: &CompiledRollout) -> Result<(), Fault> {
        let fault = |field: &str, header: &MarkName, rule: String| {
            Err(Fault::new(field, format_args!("\"{header}\""), rule))
        };
        let too_many =
            |known: &[MarkName], header| known.len() >= MAX_WRITTEN && !known.contains(header);
        let mark = compiled.mark();
        if too_many(&self.marks, mark) {
            let rule = "marks, since every request is searched for each";
            return fault("mark", mark, format!("a document uses at most {MAX_WRITTEN} {rule}"));
        }
        if self.cohort_headers.contains(mark) {
            let rule = "an earlier rollout has its cohorts in this header, so it is no mark";
            return fault("mark", mark, rule.to_owned());
        }
        let Some(header) = compiled.cohort_header() else { return Ok(()) };
        if too_many(&self.cohort_headers, header) {
            let rule = "headers for cohorts, since every request is searched for each";
            return fault(
                "cohortHeader",
                header,
                format!("a document uses at most {MAX_WRITTEN} {rule}"),
            );
        }
        if header == mark || *header == self.default_mark || self.marks.contains(header) {
            let rule =
                "this header carries a mark: the cohort has one of its own, such as x-serin-cohort";
            return fault("cohortHeader", header, rule.to_owned());
        }
        Ok(())
    }
}

fn add(known: &mut Vec<MarkName>, header: &MarkName) {
    if !known.contains(header) {
        known.push(header.clone());
    }
}
