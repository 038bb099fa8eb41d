//! The intervals that a gate's evidence is made from, as `serin judge` reads them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serin_judge::Counts;
use serin_judge::panel::{Absorbed, conformed};

use super::App;
use super::error::ApiError;
use super::releases::find;
use crate::status::timestamp;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    gate: String,
    /// Which of a latency gate's bounds, counted from 1.
    #[serde(default = "first")]
    bound: usize,
}

const fn first() -> usize {
    1
}

/// `GET /v1/releases/{namespace}/{name}/intervals?gate=errors`, for whoever may give commands:
/// there may be 64 MiB to read.
pub(super) async fn lines(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: Result<Path<(String, String)>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (Path((namespace, name)), Query(Parameters { gate, bound })) = (path?, parameters?);
    app.access.permit(peer.ip(), &headers)?;
    let journal = Arc::clone(&find(&app, &namespace, &name)?.journal);
    let read = tokio::task::spawn_blocking(move || {
        let absorbed = journal
            .read(&gate)
            .map_err(|error| ApiError::new(StatusCode::GONE, error.to_string()))?;
        written(absorbed, &gate, bound)
    });
    let broken = |_| ApiError::unavailable("the controller is ending".to_owned());
    let lines = read.await.map_err(broken)??;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// A line as `serin judge` reads it.
#[derive(Serialize)]
struct Line<'a> {
    gate: &'a str,
    at: String,
    skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cohorts: Option<Vec<[f64; 4]>>,
    nc: f64,
    xc: f64,
    ns: f64,
    xs: f64,
}

fn written(absorbed: Vec<Absorbed>, gate: &str, bound: usize) -> Result<String, ApiError> {
    let Some(bounds) = absorbed.last().map(|last| last.streams.len()) else {
        let what = format!("nothing has been counted for a gate `{gate}` that compares both sides");
        return Err(ApiError::not_found(what));
    };
    let place = bound.checked_sub(1).filter(|place| *place < bounds);
    let Some(place) = place else {
        let what = format!("gate `{gate}` has no bound {bound}, only 1 to {bounds}");
        return Err(ApiError::not_found(what));
    };
    let (heads, streams): (Vec<_>, Vec<_>) = absorbed
        .into_iter()
        .map(|mut one| {
            // Its first intervals may be from before its bounds were known.
            let stream = one.streams.get_mut(place).map(core::mem::take).unwrap_or_default();
            ((one.to_ms, one.skipped), stream)
        })
        .unzip();
    let mut text = String::new();
    for ((to_ms, skipped), interval) in heads.into_iter().zip(conformed(streams)) {
        let cohorts: Vec<[f64; 4]> = interval.cohorts.iter().copied().map(Counts::into).collect();
        let [nc, xc, ns, xs] = interval.rest.into();
        let cohorts = (!cohorts.is_empty()).then_some(cohorts);
        let at = timestamp(to_ms).to_string();
        let line = Line { gate, at, skipped, cohorts, nc, xc, ns, xs };
        let line = serde_json::to_string(&line)
            .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serin_judge::Interval;

    use super::*;

    fn absorbed(number: u64, streams: usize) -> Absorbed {
        let counts = Counts::try_new(3.0, 1.0, 10.0, 2.0).unwrap();
        let interval = Interval { cohorts: vec![counts], rest: Counts::ZERO };
        Absorbed {
            gate: "slow".to_owned(),
            number,
            to_ms: 1000 * number,
            skipped: number == 0,
            streams: vec![interval; streams],
        }
    }

    #[test]
    fn a_line_is_one_that_the_judge_reads() {
        let text = written(vec![absorbed(0, 2), absorbed(1, 2)], "slow", 2).unwrap();
        let expected = r#"{"gate":"slow","at":"1970-01-01T00:00:00Z","skipped":true,"cohorts":[[3.0,1.0,10.0,2.0]],"nc":0.0,"xc":0.0,"ns":0.0,"xs":0.0}"#;
        assert_eq!(text.lines().next(), Some(expected));
        assert!(text.lines().nth(1).unwrap().contains("\"skipped\":false"), "{text}");
    }

    #[test]
    fn what_there_is_not_is_said() {
        for (gate, bound) in [("slow", 0), ("slow", 3)] {
            let told = written(vec![absorbed(0, 2)], gate, bound).unwrap_err();
            assert!(format!("{told:?}").contains("only 1 to 2"), "{told:?}");
        }
        let told = written(Vec::new(), "slow", 1).unwrap_err();
        assert!(format!("{told:?}").contains("nothing has been counted"), "{told:?}");
    }
}
