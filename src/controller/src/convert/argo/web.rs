//! Argo's web metrics. They read a number or a word out of the body of an answer, mostly again and
//! again; a gate that asks goes by the status, once for a rise. Few say the same.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::asks::Ask;
use super::super::query;
use super::super::remains::Remains;
use super::Rollout;
use crate::webhook::uri;

const ANSWERS: &str = "2xx is a yes, 429, 502, 503 and 504 are no answer and it is asked again after \
                       10s, anything else is a no that rolls back at once, a redirect too; the body \
                       is Serin's question";

/// For a metric that a gate cannot stand for.
const ADVICE: &str = "a gate goes by the status of an answer to a POST and asks once for a rise: have \
                      the address answer 2xx for a yes and 409 for a no and write a gate of kind \
                      `webhook`, or bring the number to Prometheus";

/// What makes a metric more than one question that is answered by its status.
const MORE: [&str; 9] = [
    "/successCondition",
    "/failureCondition",
    "/interval",
    "/initialDelay",
    "/provider/web/headers",
    "/provider/web/body",
    "/provider/web/jsonBody",
    "/provider/web/jsonPath",
    "/provider/web/authentication",
];

/// How much a metric may fail.
const LIMITS: [&str; 4] =
    ["failureLimit", "inconclusiveLimit", "consecutiveErrorLimit", "consecutiveSuccessLimit"];

/// A question that waits for its gate: the weights before it decide when it is asked.
pub(super) struct Pending {
    weights_before: usize,
    /// Whether the canary has pods by then, whatever its weight.
    scaled: bool,
    ask: Ask,
}

impl Pending {
    /// The question, once the weights of all steps are known.
    pub(super) fn before(self, weights: &[String]) -> Ask {
        let before = match (self.weights_before, weights.get(self.weights_before)) {
            (0, _) if self.scaled => "exposure".to_owned(),
            (0, _) => "start".to_owned(),
            (_, Some(weight)) => weight.clone(),
            (_, None) => "end".to_owned(),
        };
        Ask { before, ..self.ask }
    }
}

impl Rollout<'_> {
    /// Takes a web metric: a question where it is one, else left out.
    pub(super) fn web(
        &mut self,
        place: &str,
        at: &str,
        name: &str,
        template: &mut Remains,
        known: &BTreeMap<String, String>,
    ) {
        let Some(metric) = template.take(place) else { return };
        let asked = self.weights_before.and_then(|weights_before| {
            let ask = question(&metric, at, name, known)?;
            Some(Pending { weights_before, scaled: self.scaled, ask })
        });
        let Some(pending) = asked else {
            self.parts.left_out(at, format!("{name}: {ADVICE}"));
            return;
        };
        if metric.pointer("/provider/web/insecure") == Some(&Value::Bool(true)) {
            let what = "name the authority to trust: the gate's caFile";
            self.parts.left_out(format!("{at}.provider.web.insecure"), what);
        }
        for limit in LIMITS.iter().filter(|limit| metric.get(**limit).is_some()) {
            let what = "one no rolls back, and who does not answer is asked again";
            self.parts.left_out(format!("{at}.{limit}"), what);
        }
        self.asked.push(pending);
    }
}

/// The question that a metric is; none where it is more.
fn question(metric: &Value, at: &str, name: &str, known: &BTreeMap<String, String>) -> Option<Ask> {
    let web = metric.pointer("/provider/web")?;
    let posts = web.get("method").and_then(Value::as_str) == Some("POST");
    let once = metric.get("count").is_none_or(|count| count == 1 || count == "1");
    if !posts || !once || MORE.iter().any(|more| metric.pointer(more).is_some()) {
        return None;
    }
    let url = query::fill(web.get("url")?.as_str()?, known).ok()?;
    uri(&url)?;
    let timeout = web.get("timeoutSeconds").and_then(Value::as_u64);
    Some(Ask {
        field: at.to_owned(),
        name: name.to_owned(),
        url,
        before: String::new(),
        timeout: timeout.map(|seconds| seconds.to_string()),
        rolls_back: true,
        answers: ANSWERS,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_that_an_earlier_step_has_made_are_there_when_it_is_asked() {
        let metric = json!({"provider": {"web": {"method": "POST", "url": "http://board/"}}});
        let before = |weights_before, scaled| {
            let ask = question(&metric, "at", "board", &BTreeMap::new()).unwrap();
            Pending { weights_before, scaled, ask }
                .before(&["5%".to_owned(), "50%".to_owned()])
                .before
        };
        assert_eq!([before(0, false), before(0, true)], ["start", "exposure"]);
        assert_eq!([before(1, true), before(2, true)], ["50%", "end"]);
    }

    #[test]
    fn only_what_is_posted_once_and_judged_by_its_status_is_a_question() {
        let metric = |more: &Value| {
            let mut metric = json!({"name": "board", "count": 1,
                "provider": {"web": {"method": "POST", "url": "http://board/{{args.app}}"}}});
            let (place, value) = (more[0].as_str().unwrap(), more[1].clone());
            let (parent, field) = place.rsplit_once('/').unwrap();
            let parent = metric.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            parent.insert(field.to_owned(), value);
            metric
        };
        let known = BTreeMap::from([("args.app".to_owned(), "feed".to_owned())]);
        let asked = |more: Value| question(&metric(&more), "at", "board", &known);
        let ask = asked(json!(["/provider/web/timeoutSeconds", 20])).unwrap();
        assert_eq!((ask.url.as_str(), ask.timeout.as_deref()), ("http://board/feed", Some("20")));
        for more in [
            json!(["/count", 3]),
            json!(["/interval", "1m"]),
            json!(["/successCondition", "result == 'ok'"]),
            json!(["/provider/web/method", "GET"]),
            json!(["/provider/web/jsonPath", "{$.ok}"]),
            json!(["/provider/web/headers", [{"key": "a", "value": "b"}]]),
            json!(["/provider/web/url", "board"]),
            json!(["/provider/web/url", "http://board/{{args.unheard}}"]),
        ] {
            assert!(asked(more.clone()).is_none(), "{more}");
        }
    }
}
