//! What of testers' tokens doesn't go upstream.

use serde_json::Value;

use crate::Request;
use crate::document::list;
use crate::request::percent_decoded;

/// Where tokens stand: the names of headers, cookies and parameters.
#[derive(Debug, Default)]
struct Places {
    headers: Vec<String>,
    cookies: Vec<String>,
    parameters: Vec<String>,
}

impl Places {
    fn of(rollouts: &[&Value]) -> Self {
        let mut places = Self::default();
        for tester in rollouts.iter().flat_map(|rollout| list(rollout, "testers")) {
            if tester.get("signed").is_none() {
                continue;
            }
            let named = |kind: &str| tester.get(kind).and_then(Value::as_str).map(str::to_owned);
            places.headers.extend(named("header").map(|name| name.to_ascii_lowercase()));
            places.cookies.extend(named("cookie"));
            places.cookies.extend(named("remember"));
            places.parameters.extend(named("query"));
        }
        places
    }
}

/// The headers without what stands at the places of the request's own rollouts, and without tokens at
/// those of all.
pub(crate) fn taken_off(all: &[&Value], own: &[&Value], request: &Request) -> Request {
    let (all, own) = (Places::of(all), Places::of(own));
    let has = |names: &[String], name: &[u8]| names.iter().any(|known| known.as_bytes() == name);
    let goes = |all: &[String], own: &[String], name: &[u8], value: &[u8]| {
        has(own, name) || (has(all, name) && value.starts_with(b"serin1~"))
    };
    let header_goes =
        |name: &str, value: &[u8]| goes(&all.headers, &own.headers, name.as_bytes(), value);
    let gone: Vec<&String> = request
        .headers
        .iter()
        .filter(|(name, value)| header_goes(name, value))
        .map(|(name, _)| name)
        .collect();

    let cookie_goes = |part: &[u8]| {
        let (name, value) = cut(part.trim_ascii(), b'=');
        part.contains(&b'=') && goes(&all.cookies, &own.cookies, name, value)
    };
    let lines: Vec<&Vec<u8>> =
        request.headers.iter().filter(|(name, _)| name == "cookie").map(|(_, line)| line).collect();
    let is_cut = |line: &[u8]| line.split(|byte| *byte == b';').any(cookie_goes);
    let cookies = lines.iter().any(|line| is_cut(line)).then(|| {
        let left = lines.iter().filter_map(|line| {
            if !is_cut(line) {
                return Some((*line).clone());
            }
            let parts = line.split(|byte| *byte == b';').filter(|part| !cookie_goes(part));
            let rest = parts.collect::<Vec<_>>().join(&b';').trim_ascii_start().to_vec();
            let is_empty = rest.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b';');
            (!is_empty).then_some(rest)
        });
        left.collect::<Vec<_>>()
    });

    let mut headers = Vec::new();
    // A line that was empty before stays, and is no sign that nothing is left.
    let left = cookies.as_ref().filter(|lines| !lines.is_empty());
    let mut cookies_due = left.map(|lines| lines.join(b"; ".as_slice()));
    for (name, value) in &request.headers {
        match name.as_str() {
            "cookie" if cookies.is_some() => {
                headers.extend(cookies_due.take().map(|line| (name.clone(), line)));
            }
            _ if gone.contains(&name) => {}
            _ => headers.push((name.clone(), value.clone())),
        }
    }
    let first_path = headers.iter_mut().find(|(name, _)| name == ":path");
    if let Some((_, path)) = first_path {
        let (sent, fragment) = cut(path, b'#');
        let (start, query) = cut(sent, b'?');
        let pair_goes = |pair: &[u8]| {
            let (name, value) = cut(pair, b'=');
            let (name, value) = (percent_decoded(name), percent_decoded(value));
            goes(&all.parameters, &own.parameters, &name, &value)
        };
        if query.split(|byte| *byte == b'&').any(pair_goes) && !query.is_empty() {
            let left = query.split(|byte| *byte == b'&').filter(|pair| !pair_goes(pair));
            let left = left.collect::<Vec<_>>().join(&b'&');
            let mark: &[u8] = if left.is_empty() { b"" } else { b"?" };
            let hash: &[u8] = if path.contains(&b'#') { b"#" } else { b"" };
            *path = [start, mark, &left, hash, fragment].concat();
        }
    }
    Request { headers, ..request.clone() }
}

/// What stands before the first mark, and what after it.
fn cut(bytes: &[u8], mark: u8) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == mark);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
