//! Gates of kind `webhook`.

use core::time::Duration;

use hyper::Uri;
use serin_assignment::Weight;
use serin_document::duration;
use serin_rollout::Before;

use super::gate_fields::Fields;
use super::{Origin, by_rule, files, within};
use crate::gates::{OnError, OnNo, Webhook};
use crate::release::spec;
use crate::webhook::{Address, Target, uri};

/// Within a second hardly anything is decided; what takes longer than five minutes answers that it
/// is under way, and is asked again.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// Enough for what looks something up, and little beside a step.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn read(
    name: &str,
    fields: &mut Fields<'_>,
    steps: &[spec::Step],
    origin: &Origin<'_>,
) -> Option<Webhook> {
    let address = address(fields, origin);
    let signing_key_file = file("signingKeyFile", fields, origin);
    let ca_file = file("caFile", fields, origin);
    let meaning = "when it is asked: before the `start`, the first `exposure`, each `rise`, the rise \
                   to a weight such as 50%, or the `end` of the last step";
    let before = fields.required("before", meaning, |text| moment(text, steps));
    let on_no = fields.optional("onNo", |text| match text {
        "hold" => Ok(OnNo::Hold),
        "rollback" => Ok(OnNo::RollBack),
        _ => Err("`hold` or `rollback`".to_owned()),
    });
    let on_error = fields.optional("onError", |text| match text {
        "hold" => Ok(OnError::Hold),
        "rollback" => Ok(OnError::RollBack),
        "pass" => Ok(OnError::Pass),
        _ => Err("`hold`, `rollback` or `pass`".to_owned()),
    });
    let timeout =
        fields.optional("timeout", |text| within(TIMEOUTS, by_rule(duration::parse)(text)?));
    Some(Webhook {
        name: name.to_owned(),
        before: before?,
        target: Target {
            address: address?,
            signing_key_file: signing_key_file?,
            ca_file: ca_file?,
        },
        on_no: on_no?.unwrap_or(OnNo::Hold),
        on_error: on_error?.unwrap_or(OnError::Hold),
        timeout: timeout?.unwrap_or(DEFAULT_TIMEOUT),
    })
}

fn address(fields: &mut Fields<'_>, origin: &Origin<'_>) -> Option<Address> {
    let url = fields.optional("url", plain)?;
    let file = file("urlFile", fields, origin)?;
    match (url, file) {
        (Some(url), None) => Some(Address::Plain(url)),
        (None, Some(file)) => Some(Address::File(file)),
        _ => {
            let rule = "exactly one of `url` and `urlFile`, where the question is posted to";
            fields.faults.missing(fields.at.field("url"), rule);
            None
        }
    }
}

fn plain(text: &str) -> Result<Uri, String> {
    uri(text).ok_or_else(|| "an `https://` or `http://` address".to_owned())
}

/// The outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault and an absent field are two things")]
fn file(
    name: &'static str,
    fields: &mut Fields<'_>,
    origin: &Origin<'_>,
) -> Option<Option<std::path::PathBuf>> {
    let Some(text) = fields.optional(name, |text| Ok(text.to_owned()))? else { return Some(None) };
    files::file(&text, origin, fields.at.field(name), fields.faults).map(Some)
}

fn moment(text: &str, steps: &[spec::Step]) -> Result<Before, String> {
    match text {
        "start" => Ok(Before::Start),
        "exposure" => Ok(Before::Exposure),
        "rise" => Ok(Before::Rise),
        "end" => Ok(Before::End),
        weight => {
            let rule = "`start`, `exposure`, `rise`, `end`, or the weight of a step such as 50%";
            let weight: Weight = weight.parse().map_err(|_| rule.to_owned())?;
            let is_step =
                |step: &spec::Step| step.weight.parse().is_ok_and(|it: Weight| it == weight);
            if steps.iter().any(is_step) {
                Ok(Before::Weight(weight))
            } else {
                Err(format!("{rule}; no step has this weight"))
            }
        }
    }
}
