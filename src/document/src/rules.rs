//! The rules that decide before the hash does: who is kept out, who may be in, who is where by
//! name, and which segments are on one side as a whole.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use serde::Serialize;
use serin_assignment::Variant;

use crate::checked::Word;
use crate::condition::{self, Condition};
use crate::reading::{Key, Reading};
use crate::request::Reader;
use crate::{Fault, IdentitySource, Reason, Request, SegmentName, UserLists, json, users};

/// The conditions of `exclude`, and the segments.
const MAX_RULES: usize = 32;
/// All conditions of a rollout, those within others too.
const MAX_CONDITIONS: usize = 256;

const PER_REQUEST: &str = "every request is asked each";

/// What decides before the hash. What a rule decides is no evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Requests that are marked stable, testers' too: health checks, crawlers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Condition>,
    /// Who may be in the canary at all; the others are marked stable, testers too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligible: Option<Condition>,
    /// Who is on which side by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<UserLists>,
    /// Groups of requests that are on one side as a whole; the first that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
}

/// A group of requests that is on one side as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// What people call it; unique within the rollout.
    pub name: SegmentName,
    /// Whose requests.
    pub when: Condition,
    /// Their side.
    pub variant: Variant,
}

impl Rules {
    /// The names of the fields.
    pub const FIELDS: [&str; 4] = ["exclude", "eligible", "users", "segments"];

    /// Reads rules by themselves, as JSON with the fields of [`Rules::FIELDS`].
    ///
    /// # Errors
    /// [`Fault`] for the first field that breaks its rule.
    pub fn read(json: &[u8]) -> Result<Self, Fault> {
        let json =
            json::read(json).map_err(|refused| Fault::new("", "rules", refused.to_string()))?;
        let mut reading = Reading::new(&json);
        reading.open();
        let rules = read(&mut reading);
        reading.close(&Self::FIELDS.join(", "));
        reading.end(Some(rules))
    }

    /// Why a request can't be in the canary, whoever asks for it.
    pub(crate) fn keep_out(&self, reader: &Reader<'_, impl Request>) -> Option<Reason> {
        if self.exclude.iter().any(|condition| condition.holds(reader)) {
            return Some(Reason::Excluded);
        }
        let eligible = self.eligible.as_ref().is_none_or(|condition| condition.holds(reader));
        (!eligible).then_some(Reason::Ineligible)
    }

    /// The side of a request that belongs to a segment.
    pub(crate) fn segment(&self, reader: &Reader<'_, impl Request>) -> Option<Variant> {
        self.segments.iter().find(|segment| segment.when.holds(reader)).map(|found| found.variant)
    }

    /// Whether a condition reads a source of which `is` holds.
    pub(crate) fn read_any(&self, is: &dyn Fn(&IdentitySource) -> bool) -> bool {
        self.exclude.iter().any(|condition| condition.reads(is))
            || self.eligible.as_ref().is_some_and(|condition| condition.reads(is))
            || self.segments.iter().any(|segment| segment.when.reads(is))
    }

    /// How many conditions there are, those within others too.
    fn size(&self) -> usize {
        let mut size = self.eligible.as_ref().map_or(0, Condition::size);
        for condition in &self.exclude {
            size += condition.size();
        }
        for segment in &self.segments {
            size += segment.when.size();
        }
        size
    }
}

/// Reads the rules among a rollout's fields.
pub(crate) fn read(reading: &mut Reading<'_>) -> Rules {
    let exclude = |reading: &mut Reading<'_>| reading.list(MAX_RULES, PER_REQUEST, condition::read);
    let rules = Rules {
        exclude: reading.given("exclude", exclude).unwrap_or_default(),
        eligible: reading.optional("eligible", condition::read),
        users: reading.optional("users", users::read),
        segments: reading.given("segments", segments).unwrap_or_default(),
    };
    let conditions = rules.size();
    if conditions > MAX_CONDITIONS {
        // One that is there, as it is together that they are too many.
        let field = ["segments", "exclude"].into_iter().find(|field| reading.has(field));
        reading.wrong_at(
            &[Key::Field(field.unwrap_or("eligible"))],
            &format_args!("{conditions} conditions"),
            &format_args!(
                "exclude, eligible and segments have at most {MAX_CONDITIONS} together: {PER_REQUEST}"
            ),
        );
    }
    rules
}

fn segments(reading: &mut Reading<'_>) -> Vec<Segment> {
    let segments = reading.list(MAX_RULES, PER_REQUEST, segment);
    for (index, segment) in segments.iter().enumerate() {
        if segments.iter().take(index).any(|earlier| earlier.name == segment.name) {
            let rule = "a name stands once among the segments, and an earlier one has it";
            let value = format_args!("\"{}\"", segment.name);
            reading.wrong_at(&[Key::Entry(index), Key::Field("name")], &value, &rule);
        }
    }
    segments
}

fn segment(reading: &mut Reading<'_>) -> Option<Segment> {
    reading.open();
    let name = reading.required_text("name", SegmentName::RULE)?;
    let when = reading.required(
        "when",
        "whose requests, such as {\"header\": \"x-country\", \"is\": \"de\"}",
        condition::read,
    )?;
    let variant = reading.required("variant", Variant::RULE, Reading::word)?;
    reading.close(&"name, when, variant");
    Some(Segment { name, when, variant })
}

impl Word for Variant {
    const ALL: &'static [Self] = &[Self::Canary, Self::Stable];
    const WORDS: &'static [&'static str] = &["canary", "stable"];
    const RULE: &'static str = "a segment is on \"canary\" or \"stable\"";
}
