//! The cookies that the response sets.

use std::time::Duration;

use serde_json::Value;

use crate::Request;
use crate::document::text;

/// A cookie as a response sets it, whatever the order of its attributes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its attributes, sorted.
    pub attributes: Vec<String>,
}

impl SetCookie {
    /// Reads the value of a `set-cookie`.
    #[must_use]
    pub fn read(header: &str) -> Self {
        let mut parts = header.split("; ");
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Self::new(name, value, parts.map(str::to_owned).collect())
    }

    fn new(name: &str, value: &str, mut attributes: Vec<String>) -> Self {
        attributes.sort();
        Self { name: name.to_owned(), value: value.to_owned(), attributes }
    }

    /// Keeps a tester's choice for the browser's session.
    pub(crate) fn remembering(name: &str, value: &str, request: &Request) -> Self {
        Self::new(name, value, of_session(request))
    }

    /// Ends one that keeps a choice.
    pub(crate) fn forgetting(name: &str, request: &Request) -> Self {
        let end = ["Max-Age=0".to_owned()];
        Self::new(name, "", of_session(request).into_iter().chain(end).collect())
    }

    /// Hands a new id to its visitor, with what the source's fields say.
    pub(crate) fn with_id(generated: &Value, id: &str) -> Self {
        let seconds = life(text(generated, "maxAge", "365d")).as_secs();
        let same_site = match text(generated, "sameSite", "lax") {
            "strict" => "Strict",
            "none" => "None",
            _ => "Lax",
        };
        let mut attributes = vec![
            format!("Max-Age={seconds}"),
            format!("Path={}", text(generated, "path", "/")),
            "HttpOnly".to_owned(),
            format!("SameSite={same_site}"),
        ];
        let domain = generated.get("domain").and_then(Value::as_str);
        attributes.extend(domain.map(|domain| format!("Domain={domain}")));
        if generated.get("secure") != Some(&Value::Bool(false)) {
            attributes.push("Secure".to_owned());
        }
        Self::new(text(generated, "cookie", ""), id, attributes)
    }
}

fn of_session(request: &Request) -> Vec<String> {
    let mut attributes = vec!["Path=/", "HttpOnly", "SameSite=Lax"];
    if request.header(":scheme").as_deref() == Some(b"https") {
        attributes.push("Secure");
    }
    attributes.into_iter().map(str::to_owned).collect()
}

/// A duration of one unit.
fn life(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let number: u64 = number.parse().unwrap_or_default();
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        _ => 1,
    };
    Duration::from_secs(number * seconds)
}
