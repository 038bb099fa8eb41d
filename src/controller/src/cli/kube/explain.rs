//! `serin kube explain`: why each decision was taken, from the record in the object's status.

use core::fmt::Write as _;

use anyhow::anyhow;
use kube::api::DynamicObject;
use serde_json::Value;

use super::cluster::Cluster;
use super::{Target, find, tree};
use crate::cli::tones::{BOLD, DIM, WAIT};
use crate::cli::{Exit, Failure, Output, explain, print};
use crate::engine;
use crate::status::Status;
use crate::status::kubernetes::ObjectStatus;
use crate::store::Record;

/// Say why each decision of a release was taken, as far back as the object has it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// How to print. JSON has all that the newest decisions follow from, and under `earlier` how
    /// many the object has no more.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let cluster = Cluster::connect().await?;
    let object = find(&cluster, &args.target).await?;
    let Some(told) = Told::by(&object) else {
        let what = anyhow!("the status of {} is of another version of Serin", tree::key(&object));
        return Err(Failure::new(Exit::Failed, what));
    };
    match args.output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&told.json())?))?,
        Output::Text => print(&told.text()?)?,
    }
    Ok(Exit::Ok)
}

/// What an object tells of its decisions.
struct Told {
    status: Status,
    /// How many came before, which the object has no more.
    earlier: Earlier,
    /// The gates whose evidence can be computed again by who has the counts.
    compared: Vec<String>,
}

/// What came before the first decision that an object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Earlier {
    Known(u64),
    /// A version that did not count them.
    Uncounted,
    /// The record is of another version of Serin: the lines are those of the status, which are fewer
    /// and cut.
    Unread,
}

impl Told {
    /// `None` of a status that this version does not understand.
    fn by(object: &DynamicObject) -> Option<Self> {
        let status = object.data.get("status").cloned().unwrap_or_default();
        let record = status.get("record").and_then(Value::as_str).map(Record::parse);
        let status: Option<ObjectStatus> = serde_json::from_value(status).ok()?;
        let status = status.unwrap_or_default();
        let compared = status.gates.iter().filter(|gate| gate.measure.is_some());
        let compared = compared.map(|gate| gate.name.clone()).collect();
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let mut shown =
            status.shown(&name(&object.metadata.namespace), &name(&object.metadata.name));
        let earlier = match &record {
            Some(Ok(record)) => {
                shown.decisions = engine::decisions(record);
                match record.decisions.front().map(|first| first.number) {
                    Some(0) => Earlier::Uncounted,
                    Some(first) => Earlier::Known(first - 1),
                    None => Earlier::Known(0),
                }
            }
            Some(Err(_)) => Earlier::Unread,
            None => Earlier::Known(0),
        };
        Some(Self { status: shown, earlier, compared })
    }

    fn json(&self) -> Value {
        let mut json = explain::json(&self.status);
        let earlier = match self.earlier {
            Earlier::Known(count) => Value::from(count),
            Earlier::Uncounted | Earlier::Unread => Value::Null,
        };
        if let Some(fields) = json.as_object_mut() {
            fields.insert("earlier".to_owned(), earlier);
        }
        json
    }

    fn text(&self) -> Result<String, core::fmt::Error> {
        let status = &self.status;
        let mut text = String::new();
        writeln!(text, "{BOLD}{}{BOLD:#}  version {}", status.key(), status.version)?;
        if let Some(what) = self.lacks() {
            writeln!(text, "{WAIT}{what}{WAIT:#}")?;
        }
        explain::write_decisions(&mut text, status)?;
        if status.decisions.is_empty() {
            writeln!(text, "no decision yet; `serin kube check {}` may say why", status.name)?;
        }
        if !self.compared.is_empty() {
            writeln!(
                text,
                "{DIM}the evidence of {} computed again:{DIM:#} kubectl port-forward to the pod \
                 that leads, and `serin explain {} --intervals {}` says the rest",
                self.compared.join(", "),
                status.key(),
                self.compared.first().map(String::as_str).unwrap_or_default(),
            )?;
        }
        Ok(text)
    }

    /// How the log is shorter than what was decided.
    fn lacks(&self) -> Option<String> {
        match self.earlier {
            Earlier::Known(0) => None,
            Earlier::Known(1) => Some(
                "1 decision before these is not in the object any more; the controller's log has it"
                    .to_owned(),
            ),
            Earlier::Known(count) => Some(format!(
                "{count} decisions before these are not in the object any more; the controller's \
                 log has them"
            )),
            Earlier::Uncounted => Some(
                "older decisions may not be in the object any more; the controller's log has them"
                    .to_owned(),
            ),
            Earlier::Unread => Some(
                "the record is of another version of Serin: these are the newest lines of the \
                 status, and long ones are cut"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_assignment::Weight;
    use serin_rollout::{Decision, Reason, State, Version};

    use super::*;

    fn record(decisions: u64, kept: usize) -> Record {
        let state = State::fresh(Version("v2".to_owned()), None, 1);
        let mut record = Record::new("shop", "web", state, "s".parse().unwrap());
        for number in 1..=decisions {
            let weight = u16::try_from(number).unwrap();
            record.state.traffic.weight = Weight::from_basis_points(weight).unwrap();
            let message = format!("decision {number}");
            let decision = Decision { reason: Reason::Advanced, message };
            record.log(decision, number, || None);
        }
        record.remember_only(crate::store::Memory { decisions: kept, with_inputs: 0 });
        record
    }

    fn object(status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"}, "status": status,
        }))
        .unwrap()
    }

    fn stored(record: &str) -> Told {
        Told::by(&object(&json!({
            "phase": "RolledBack", "version": "v2", "record": record,
            "gates": [{"name": "errors", "verdict": "fail", "detail": "", "measure": "errorRate",
                "at": "2026-11-26T02:00:00Z"}],
            "decisions": [{"at": "2026-11-26T02:00:00Z", "reason": "Harm", "step": 1,
                "weight": "0%", "message": "of the status"}],
        })))
        .unwrap()
    }

    fn plain(told: &Told) -> String {
        anstream::adapter::strip_str(&told.text().unwrap()).to_string()
    }

    #[test]
    fn the_record_is_told_and_how_much_of_the_log_it_lacks() {
        let told = stored(&serde_json::to_string(&record(5, 2)).unwrap());
        let text = plain(&told);
        let expected = "\
shop/web  version v2
3 decisions before these are not in the object any more; the controller's log has them
1970-01-01T00:00:00Z  Advanced  0.04%
    decision 4
1970-01-01T00:00:00Z  Advanced  0.04% -> 0.05%
    decision 5
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("`serin explain shop/web --intervals errors`"), "{text}");
        let json = told.json();
        assert_eq!(
            (&json["earlier"], &json["decisions"][1]["message"]),
            (&json!(3), &json!("decision 5"))
        );
    }

    #[test]
    fn a_log_that_is_whole_says_nothing_of_what_came_before() {
        let text = plain(&stored(&serde_json::to_string(&record(2, 30)).unwrap()));
        assert!(!text.contains("before these"), "{text}");
        let text = plain(&stored(&serde_json::to_string(&record(3, 2)).unwrap()));
        assert!(text.contains("1 decision before these is not"), "{text}");
    }

    #[test]
    fn a_record_of_another_version_leaves_what_the_status_says_and_names_the_lack() {
        let told = stored(r#"{"formatVersion": 2}"#);
        let text = plain(&told);
        assert!(text.contains("of another version") && text.contains("of the status"), "{text}");
        assert_eq!(told.json()["earlier"], Value::Null);
    }

    #[test]
    fn an_object_without_a_status_has_no_decision_and_an_unknown_one_is_not_taken_for_it() {
        let told = Told::by(&object(&Value::Null)).unwrap();
        assert!(plain(&told).contains("no decision yet"), "{}", plain(&told));
        assert!(Told::by(&object(&json!({"phase": 5}))).is_none());
    }
}
