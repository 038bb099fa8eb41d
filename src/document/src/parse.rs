//! Reads the wire form: strict within a format version, rollout by rollout.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use serin_assignment::{Salt, Weight};

use crate::json::{self, Json};
use crate::node::{self, Fields, Node, Place, Unknown};
use crate::{
    Anonymous, Buckets, Document, Fault, FormatVersion, Host, Incoming, LeftOut, MarkName, Named,
    PathPrefix, Refused, Revision, Rollout, RolloutName, buckets, clusters, identity, latency,
    rules, tester, tripwire,
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
    let (version, mut fields) = open(&json)?;
    fields.refuse(
        "testerKeys",
        "keys stand in the plugin's own configuration or in SERIN_TESTER_KEYS, never in a document",
    )?;
    let parsed = document(version, &mut fields, Revisions::Required)?;
    fields.close(DOCUMENT_FIELDS)?;
    Ok(parsed)
}

/// Reads what every kind of document begins with: an object with a known version.
pub(crate) fn open(json: &Json) -> Result<(FormatVersion, Fields<'_>), Refused> {
    let no_document = |value: &str, rule: &str| Refused::NotDocument {
        value: crate::fault::shorten(value),
        rule: rule.to_owned(),
    };
    if !matches!(json, Json::Object(_)) {
        return Err(no_document(&json.to_string(), "a document is an object, in { }"));
    }
    let mut fields = Node::new(json, Place::Top(""), Unknown::Refuse).fields()?;
    let version = fields.optional("formatVersion", node::text::<FormatVersion>);
    fields.check()?;
    let Some(version) = version else {
        return Err(no_document("no formatVersion", FormatVersion::RULE));
    };
    if !version.is_known_major() {
        return Err(Refused::UnknownMajor { found: version });
    }
    fields.set_unknown(version.into());
    Ok((version, fields))
}

/// Reads the fields of a document proper.
pub(crate) fn document(
    format_version: FormatVersion,
    fields: &mut Fields<'_>,
    revisions: Revisions,
) -> Result<Parsed, Fault> {
    let revision = revision(fields, revisions);
    let read = fields.required("rollouts", "the list of rollouts, which may be empty", |n| {
        n.list(MAX_ROLLOUTS, TABLES, |node| Ok(rollout(node, revisions)))
    });
    let (Some(revision), Some(read)) = (revision, read) else { return Err(fields.fault()) };
    let mut rollouts: Vec<Rollout> = Vec::with_capacity(read.len());
    let mut left_out = Vec::new();
    let mut names = Named::default();
    for (index, rollout) in read.into_iter().enumerate() {
        let place = format!("rollouts[{index}]");
        match rollout {
            Ok(rollout) if names.find(rollout.name.as_str().as_bytes()).is_none() => {
                names.set(rollout.name.as_str().as_bytes(), ());
                rollouts.push(rollout);
            }
            Ok(rollout) => left_out.push(LeftOut::new(
                rollout.name.as_str(),
                Fault::new(
                    format_args!("{place}.name"),
                    format_args!("\"{}\"", rollout.name),
                    "a name stands once in a document, and an earlier rollout has it",
                ),
            )),
            Err(Unread { name, fault }) => {
                left_out.push(LeftOut::new(name.map_or(place, |name| name.to_string()), fault));
            }
        }
    }
    let document = Document { format_version, revision, rollouts };
    Ok(Parsed { document, left_out })
}

fn revision(fields: &mut Fields<'_>, revisions: Revisions) -> Option<Revision> {
    let read = |node: Node<'_>| node.whole(Revision::MAX.get()).map(Revision::new);
    match revisions {
        Revisions::Required => {
            fields.required("revision", "a whole number that rises with every change", read)
        }
        Revisions::Optional => Some(fields.optional("revision", read).unwrap_or_default()),
    }
}

/// A rollout that breaks a rule, with its name where that much could be read.
struct Unread {
    name: Option<RolloutName>,
    fault: Fault,
}

fn rollout(node: Node<'_>, revisions: Revisions) -> Result<Rollout, Unread> {
    let fields = node.fields().map_err(|fault| Unread { name: None, fault })?;
    let name = fields.peek_text("name").and_then(|name| RolloutName::new(name).ok());
    rollout_fields(fields, revisions).map_err(|fault| Unread { name, fault })
}

fn rollout_fields(mut fields: Fields<'_>, revisions: Revisions) -> Result<Rollout, Fault> {
    let name = fields.required("name", "the rollout's name, such as \"shop/checkout\"", node::text);
    let revision = revision(&mut fields, revisions);
    let hosts = fields.optional("hosts", |n| n.list(MAX_HOSTS, TABLES, node::text));
    let bare_hosts = fields.optional("bareHosts", |n| {
        n.map(MAX_NAMESPACES, TABLES, |n| n.list(MAX_HOSTS, TABLES, node::text::<Host>))
    });
    let paths = fields.optional("paths", paths);
    let salt = fields.required(
        "salt",
        "what names the release to the hash, such as \"shop/checkout/5d4f8c\"",
        node::text::<Salt>,
    );
    let weight = fields.required(
        "weight",
        "the canary's share as text, such as \"5%\"",
        node::text::<Weight>,
    );
    let buckets = fields.optional("buckets", buckets::read);
    let canary_serves = fields.required(
        "canaryServes",
        "true or false: whether anybody may be sent to the canary",
        node::flag,
    );
    let identity = fields.required(
        "identity",
        "where the user's id stands, such as [{\"header\": \"x-user-id\"}]; [] if nowhere",
        identity::read::identity,
    );
    let anonymous = fields.optional("anonymous", node::text::<Anonymous>);
    let testers = fields.optional("testers", tester::read);
    let incoming = fields.optional("incoming", node::text::<Incoming>);
    let count = fields.optional("count", node::flag);
    let mark = fields.optional("mark", node::text::<MarkName>);
    let cohort_header = fields.optional("cohortHeader", node::text::<MarkName>);
    let clusters = fields.optional("clusters", clusters::read);
    let latency_bounds = fields.optional("latencyBounds", latency::read);
    let rules = rules::read(&mut fields);
    let tripwire = fields.optional("tripwire", tripwire::read);
    let requires =
        fields.optional("requires", |n| n.list(MAX_REQUIRES, "no version has as many", node::text));
    fields.close(ROLLOUT_FIELDS)?;
    let (Some(name), Some(revision), Some(salt), Some(weight)) = (name, revision, salt, weight)
    else {
        return Err(fields.fault());
    };
    let (Some(canary_serves), Some(identity)) = (canary_serves, identity) else {
        return Err(fields.fault());
    };
    let rollout = Rollout {
        name,
        revision,
        hosts: hosts.unwrap_or_default(),
        bare_hosts: bare_hosts.unwrap_or_default(),
        paths: paths.unwrap_or_else(|| vec![PathPrefix::root()]),
        salt,
        weight,
        buckets: buckets.unwrap_or(Buckets::ALL),
        canary_serves,
        identity,
        anonymous: anonymous.unwrap_or_default(),
        testers: testers.unwrap_or_default(),
        incoming: incoming.unwrap_or_default(),
        count: count.unwrap_or(true),
        mark: mark.unwrap_or_default(),
        cohort_header,
        clusters,
        latency_bounds,
        rules,
        tripwire,
        requires: requires.unwrap_or_default(),
    };
    buckets::check_weight(fields.place("weight"), rollout.weight, rollout.buckets)?;
    if rollout.hosts.is_empty() && rollout.bare_hosts.iter().all(|(_, hosts)| hosts.is_empty()) {
        return Err(Fault::missing(
            fields.place("hosts"),
            "at least one host in hosts or bareHosts, such as [\"shop.example.com\"]",
        ));
    }
    Ok(rollout)
}

fn paths(node: Node<'_>) -> Result<Vec<PathPrefix>, Fault> {
    let at = node.at();
    let paths = node.list(MAX_PATHS, TABLES, node::text)?;
    if paths.is_empty() {
        return Err(Fault::new(
            at,
            "[]",
            "at least one path, such as [\"/\"], which is the default",
        ));
    }
    Ok(paths)
}
