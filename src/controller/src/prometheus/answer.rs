//! What the query API answers.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::metrics::{Fault, Labels, Point, Sample, Series};

/// The result of an instant query.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// One value a series.
    Vector(Vec<Sample>),
    /// One value without a series.
    Scalar(Point),
    /// Several values a series.
    Matrix(Vec<Series>),
}

impl Answer {
    /// Prometheus' word for this kind of result.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Vector(_) => "vector",
            Self::Scalar(_) => "scalar",
            Self::Matrix(_) => "matrix",
        }
    }
}

/// Reads the body of an answer.
///
/// # Errors
/// [`Fault::Unreadable`], [`Fault::Refused`], [`Fault::Warnings`] and [`Fault::Histogram`].
pub(super) fn read(body: &[u8]) -> Result<Answer, Fault> {
    let body: Body =
        serde_json::from_slice(body).map_err(|error| Fault::Unreadable(error.to_string()))?;
    match body.status {
        Status::Success => {}
        Status::Error => {
            return Err(Fault::Refused {
                kind: body.error_type.unwrap_or_else(|| "error".to_owned()),
                message: body.error.unwrap_or_default(),
            });
        }
    }
    if !body.warnings.is_empty() {
        return Err(Fault::Warnings(body.warnings));
    }
    let Some(data) = body.data else {
        return Err(Fault::Unreadable("success without data".to_owned()));
    };
    Ok(match data {
        Data::Vector(samples) => {
            Answer::Vector(samples.into_iter().map(RawSample::read).collect::<Result<_, _>>()?)
        }
        Data::Matrix(series) => {
            Answer::Matrix(series.into_iter().map(RawSeries::read).collect::<Result<_, _>>()?)
        }
        Data::Scalar(point) => Answer::Scalar(point.read()?),
        Data::String(_) => return Err(Fault::Kind { expected: "number", got: "string" }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    status: Status,
    data: Option<Data>,
    error_type: Option<String>,
    error: Option<String>,
    // Prometheus leaves the field out, others send null.
    #[serde(default, deserialize_with = "null_as_empty")]
    warnings: Vec<String>,
}

fn null_as_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<RawSample>),
    Matrix(Vec<RawSeries>),
    Scalar(RawPoint),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct RawSample {
    metric: Labels,
    value: Option<RawPoint>,
    histogram: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawSeries {
    metric: Labels,
    #[serde(default)]
    values: Vec<RawPoint>,
    histograms: Option<IgnoredAny>,
}

/// Seconds since 1970 and the value as text, which JSON's numbers could not say (`NaN`, `+Inf`).
#[derive(Deserialize)]
struct RawPoint(f64, String);

impl RawSample {
    fn read(self) -> Result<Sample, Fault> {
        match (self.value, self.histogram) {
            (Some(value), None) => Ok(Sample { labels: self.metric, point: value.read()? }),
            (_, Some(_)) => Err(Fault::Histogram),
            (None, None) => Err(Fault::Unreadable("a series without a value".to_owned())),
        }
    }
}

impl RawSeries {
    fn read(self) -> Result<Series, Fault> {
        if self.histograms.is_some() {
            return Err(Fault::Histogram);
        }
        let points = self.values.into_iter().map(RawPoint::read).collect::<Result<_, _>>()?;
        Ok(Series { labels: self.metric, points })
    }
}

impl RawPoint {
    fn read(self) -> Result<Point, Fault> {
        let value = self
            .1
            .parse()
            .map_err(|_| Fault::Unreadable(format!("`{}` is not a number", self.1)))?;
        let ms = (self.0 * 1000.0).round();
        if !(0.0..=LATEST_MS).contains(&ms) {
            return Err(Fault::Unreadable(format!("{} is not a time", self.0)));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked: a whole number from 0 to 2^53"
        )]
        Ok(Point { at_ms: ms as u64, value })
    }
}

/// The last millisecond that a double holds exactly (2^53), some 285,000 years from now.
const LATEST_MS: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use core::cmp::Ordering;

    use super::*;

    #[test]
    fn values_are_strings_of_every_kind() {
        let body = br#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"a":"b"},"value":[1795445683.7,"NaN"]},
            {"metric":{},"value":[1795445683.7,"+Inf"]},
            {"metric":{},"value":[1795445683.7,"1.7954456837e+12"]}]}}"#;
        let Answer::Vector(samples) = read(body).unwrap() else { panic!("a vector") };
        assert!(samples[0].point.value.is_nan());
        assert_eq!(samples[1].point.value.total_cmp(&f64::INFINITY), Ordering::Equal);
        assert_eq!(samples[2].point.value.total_cmp(&1_795_445_683_700.0), Ordering::Equal);
        assert_eq!(samples[0].point.at_ms, 1_795_445_683_700);
        assert_eq!(samples[0].labels["a"], "b");
    }

    #[test]
    fn every_result_type_is_told_apart() {
        let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"2"]}}"#;
        assert_eq!(read(scalar), Ok(Answer::Scalar(Point { at_ms: 1500, value: 2.0 })));
        let matrix = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{},"values":[[1,"2"],[2,"3"]]}]}}"#;
        let Answer::Matrix(series) = read(matrix).unwrap() else { panic!("a matrix") };
        assert_eq!(series[0].points.len(), 2);
        let text = br#"{"status":"success","data":{"resultType":"string","result":[1,"a"]}}"#;
        assert_eq!(read(text), Err(Fault::Kind { expected: "number", got: "string" }));
    }

    #[test]
    fn a_histogram_is_not_taken_for_a_number() {
        let vector = br#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{},"histogram":[1,{"count":"1","sum":"2","buckets":[]}]}]}}"#;
        assert_eq!(read(vector), Err(Fault::Histogram));
        let matrix = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{},"histograms":[[1,{"count":"1"}]]}]}}"#;
        assert_eq!(read(matrix), Err(Fault::Histogram));
    }

    #[test]
    fn warnings_make_the_numbers_worthless_and_infos_do_not() {
        let warned = br#"{"status":"success","warnings":["a store is down"],
            "data":{"resultType":"vector","result":[]}}"#;
        assert_eq!(read(warned), Err(Fault::Warnings(vec!["a store is down".to_owned()])));
        let noted = br#"{"status":"success","infos":["may not be a counter"],"warnings":null,
            "data":{"resultType":"vector","result":[]}}"#;
        assert_eq!(read(noted), Ok(Answer::Vector(Vec::new())));
    }

    #[test]
    fn an_error_body_speaks_for_itself() {
        let body = br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        let fault = Fault::Refused { kind: "bad_data".into(), message: "parse error".into() };
        assert_eq!(read(body), Err(fault));
    }

    #[test]
    fn garbage_is_named() {
        for body in [
            &b"<html>"[..],
            b"",
            b"{}",
            br#"{"status":"success"}"#,
            br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
            br#"{"status":"success","data":{"resultType":"scalar","result":[1,"many"]}}"#,
            br#"{"status":"success","data":{"resultType":"scalar","result":[-1,"1"]}}"#,
            br#"{"status":"success","data":{"resultType":"tensor","result":[]}}"#,
        ] {
            assert!(matches!(read(body), Err(Fault::Unreadable(_))), "{body:?}");
        }
    }
}
