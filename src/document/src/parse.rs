//! Reads the wire form: strict within a format version, rollout by rollout.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;
use core::str::FromStr as _;

use crate::json::{self, Json};
use crate::reading::{Key, Reading};
use crate::{
    Buckets, Document, Fault, FormatVersion, HostPattern, LeftOut, Named, PathPrefix, Refused,
    Revision, Rollout, RolloutName, buckets, clusters, identity, latency, rules, tester, tripwire,
};

/// The largest document, in bytes: some 10,000 rollouts, and little beside what a VM may hold.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// Rollouts per document, sound or not: each that is left out is remembered with its fault, some
/// hundred times the two bytes that it takes at least.
const MAX_ROLLOUTS: usize = 20_000;
/// Hosts, or short hosts of one namespace, per rollout.
const MAX_HOSTS: usize = 256;
/// Namespaces with short hosts per rollout.
const MAX_NAMESPACES: usize = 1024;
/// Path prefixes per rollout.
const MAX_PATHS: usize = 64;
/// Entries of `requires`.
const MAX_REQUIRES: usize = 32;

const TABLES: &str = "they multiply in every worker's tables";

const DOCUMENT_FIELDS: &str = "formatVersion, revision, rollouts";
const ROLLOUT_FIELDS: &str = "name, revision, hosts, bareHosts, paths, salt, weight, buckets, canaryServes, identity, anonymous, testers, incoming, count, mark, cohortHeader, clusters, latencyBounds, tripwire, requires, exclude, eligible, users, segments";

/// A document with what had to be left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The rollouts that hold, in the order in which they stand.
    pub document: Document,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

/// Whether a document has to carry revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revisions {
    /// As from a source, where they tell newer from older.
    Required,
    /// As inline in a plugin's configuration, where none means 0.
    Optional,
}

/// Reads a document. A rollout that breaks a rule is left out and the others hold.
///
/// # Errors
/// [`Refused`] where the bytes are no JSON, no document, a document of another major version, or
/// break a rule at the top level.
pub fn parse(json: &[u8]) -> Result<Parsed, Refused> {
    let json = json::read(json)?;
    let (version, mut reading) = open(&json)?;
    reading.refuse(
        "testerKeys",
        "keys stand in the plugin's own configuration or in SERIN_TESTER_KEYS, never in a document",
    );
    let parsed = document(version, &mut reading, Revisions::Required);
    reading.close(&DOCUMENT_FIELDS);
    Ok(reading.end(parsed)?)
}

/// Reads what every kind of document begins with: an object with a known version.
pub(crate) fn open(json: &Json) -> Result<(FormatVersion, Reading<'_>), Refused> {
    let no_document = |value: &str, rule: &str| Refused::NotDocument {
        value: crate::fault::shorten(value),
        rule: rule.to_owned(),
    };
    if !matches!(json, Json::Object(_)) {
        return Err(no_document(&json.to_string(), "a document is an object, in { }"));
    }
    let mut reading = Reading::new(json);
    reading.open();
    let version =
        reading.optional("formatVersion", |reading| reading.parsed(FormatVersion::from_str));
    reading.check()?;
    let Some(version) = version else {
        return Err(no_document("no formatVersion", FormatVersion::RULE));
    };
    if !version.is_known_major() {
        return Err(Refused::UnknownMajor { found: version });
    }
    reading.set_unknown(version.into());
    Ok((version, reading))
}

/// Reads the fields of a document proper.
pub(crate) fn document(
    format_version: FormatVersion,
    reading: &mut Reading<'_>,
    revisions: Revisions,
) -> Option<Parsed> {
    let revision = revision(reading, revisions);
    let mut left_out = Vec::new();
    let rollouts =
        reading.required("rollouts", "the list of rollouts, which may be empty", |reading| {
            let mut names = Named::default();
            Some(reading.list(MAX_ROLLOUTS, TABLES, |reading| {
                rollout(reading, revisions, &mut names).map_err(|unread| left_out.push(unread)).ok()
            }))
        });
    let document = Document { format_version, revision: revision?, rollouts: rollouts? };
    Some(Parsed { document, left_out })
}

fn revision(reading: &mut Reading<'_>, revisions: Revisions) -> Option<Revision> {
    let read = |reading: &mut Reading<'_>| reading.whole(Revision::MAX.get()).map(Revision::new);
    let found = reading.optional("revision", read);
    match revisions {
        Revisions::Required if found.is_none() => {
            reading.lacks("revision", &"a whole number that rises with every change");
            None
        }
        Revisions::Required => found,
        Revisions::Optional => Some(found.unwrap_or_default()),
    }
}

/// Reads a rollout whose name is not among those that came before it; else it is left out, by its
/// name or, where that cannot be read, by its place.
fn rollout(
    reading: &mut Reading<'_>,
    revisions: Revisions,
    names: &mut Named<()>,
) -> Result<Rollout, LeftOut> {
    reading.open();
    let name = reading.peek_text("name").filter(|name| RolloutName::check(name).is_ok());
    let name = name.filter(|_| reading.is_sound());
    let rollout = rollout_fields(reading, revisions);
    let known = name.filter(|name| reading.is_sound() && names.find(name.as_bytes()).is_some());
    if let Some(name) = known {
        let rule = "a name stands once in a document, and an earlier rollout has it";
        reading.wrong_at(&[Key::Field("name")], &format_args!("\"{name}\""), &rule);
    }
    let place = reading.place().to_string();
    match reading.end(rollout) {
        Ok(rollout) => {
            names.set(rollout.name.as_str().as_bytes(), ());
            Ok(rollout)
        }
        Err(fault) => Err(LeftOut::new(name.unwrap_or(&place), fault)),
    }
}

fn rollout_fields(reading: &mut Reading<'_>, revisions: Revisions) -> Option<Rollout> {
    // Where what has to be there is not, that is the fault, and nothing else is read.
    let name = reading.required_text("name", "the rollout's name, such as \"shop/checkout\"")?;
    let revision = revision(reading, revisions)?;
    let hosts = reading.given("hosts", |reading| {
        reading.list(MAX_HOSTS, TABLES, |reading| reading.parsed(HostPattern::new))
    });
    let bare_hosts =
        reading.optional("bareHosts", |reading| {
            Some(reading.map(MAX_NAMESPACES, TABLES, |reading| {
                reading.list(MAX_HOSTS, TABLES, Reading::text)
            }))
        });
    let paths = reading.given("paths", paths);
    let salt = reading.required(
        "salt",
        "what names the release to the hash, such as \"shop/checkout/5d4f8c\"",
        Reading::salt,
    )?;
    let weight =
        reading.required("weight", "the canary's share as text, such as \"5%\"", Reading::weight);
    let buckets = reading.optional("buckets", buckets::read);
    let canary_serves = reading.required(
        "canaryServes",
        "true or false: whether anybody may be sent to the canary",
        Reading::flag,
    );
    let identity = reading.required(
        "identity",
        "where the user's id stands, such as [{\"header\": \"x-user-id\"}]; [] if nowhere",
        |reading| Some(identity::read::identity(reading)),
    );
    let rollout = Rollout {
        name,
        revision,
        hosts: hosts.unwrap_or_default(),
        bare_hosts: bare_hosts.unwrap_or_default(),
        paths: paths.unwrap_or_else(|| vec![PathPrefix::root()]),
        salt,
        weight: weight.unwrap_or_default(),
        buckets: buckets.unwrap_or(Buckets::ALL),
        canary_serves: canary_serves.unwrap_or_default(),
        identity: identity.unwrap_or_default(),
        anonymous: reading.optional_word("anonymous").unwrap_or_default(),
        testers: reading.given("testers", tester::read).unwrap_or_default(),
        incoming: reading.optional_word("incoming").unwrap_or_default(),
        count: reading.optional_flag("count").unwrap_or(true),
        mark: reading.optional_text("mark").unwrap_or_default(),
        cohort_header: reading.optional_text("cohortHeader"),
        clusters: reading.optional("clusters", clusters::read),
        latency_bounds: reading.optional("latencyBounds", latency::read),
        rules: rules::read(reading),
        tripwire: reading.given("tripwire", tripwire::read),
        requires: reading.given("requires", requires).unwrap_or_default(),
    };
    reading.close(&ROLLOUT_FIELDS);
    buckets::check_weight(reading, rollout.weight, rollout.buckets);
    if rollout.hosts.is_empty() && rollout.bare_hosts.iter().all(|(_, hosts)| hosts.is_empty()) {
        let rule = "at least one host in hosts or bareHosts, such as [\"shop.example.com\"]";
        let found = if reading.has("hosts") { "no host" } else { Fault::MISSING };
        reading.wrong_at(&[Key::Field("hosts")], &found, &rule);
    }
    Some(rollout)
}

fn paths(reading: &mut Reading<'_>) -> Vec<PathPrefix> {
    let paths = reading.list(MAX_PATHS, TABLES, Reading::text);
    if paths.is_empty() {
        reading.wrong(&"at least one path, such as [\"/\"], which is the default");
    }
    paths
}

fn requires(reading: &mut Reading<'_>) -> Vec<String> {
    let text = |reading: &mut Reading<'_>| reading.string().map(str::to_owned);
    reading.list(MAX_REQUIRES, "no version has as many", text)
}
