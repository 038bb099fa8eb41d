//! Queries with placeholders.

use core::time::Duration;

use serin_assignment::Variant;

use super::{Subject, Window};
use crate::prometheus::promql;

/// A query that is asked about one side and one window at a time.
///
/// `{{variant}}` becomes `canary` or `stable`, `{{cluster}}` that side's Envoy cluster,
/// `{{rollout}}` the rollout's id in metrics and `{{window}}` a duration such as `60s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variant,
    Cluster,
    Rollout,
    Window,
}

impl Template {
    /// Checks a query's placeholders.
    ///
    /// # Errors
    /// [`InvalidTemplate`] where one is unknown or has no end, or nothing is asked.
    pub fn new(text: &str) -> Result<Self, InvalidTemplate> {
        if text.trim().is_empty() {
            return Err(InvalidTemplate::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, after) = behind.split_once("}}").ok_or(InvalidTemplate::Open)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name.trim() {
                "variant" => Part::Variant,
                "cluster" => Part::Cluster,
                "rollout" => Part::Rollout,
                "window" => Part::Window,
                unknown => return Err(InvalidTemplate::Unknown(unknown.to_owned())),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// Whether the query differs between the sides.
    #[must_use]
    pub fn names_side(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Variant | Part::Cluster))
    }

    /// Whether the query takes its window from the gate.
    #[must_use]
    pub fn names_window(&self) -> bool {
        self.parts.contains(&Part::Window)
    }

    /// Whether the query has this text in it, outside of its placeholders.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Text(own) if own.contains(text)))
    }

    /// The query about one side. Values are escaped, since they stand in string literals.
    pub(super) fn render(&self, subject: &Subject, side: Variant, window: &Window) -> String {
        let inner = |text: &str| {
            let literal = promql::quoted(text);
            literal.trim_matches('"').to_owned()
        };
        let whole_seconds = Duration::from_secs(window.length.as_secs());
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Variant => side.as_str().to_owned(),
                Part::Cluster => inner(&super::cluster_label(subject.cluster(side))),
                Part::Rollout => subject.metric_id.clone(),
                Part::Window if whole_seconds.is_zero() => promql::duration(window.length),
                Part::Window => promql::duration(whole_seconds),
            })
            .collect()
    }
}

/// Why a text is no query template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// Nothing in it.
    #[error("a query asks something")]
    Empty,
    /// `{{` without `}}`.
    #[error("a placeholder that `{{{{` opens ends with `}}}}`")]
    Open,
    /// A placeholder that nobody fills in.
    #[error(
        "`{{{{{0}}}}}` is unknown; a query may hold {{{{variant}}}}, {{{{cluster}}}}, {{{{rollout}}}} and {{{{window}}}}"
    )]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            metric_id: "0a1b2c3d".to_owned(),
            stable_cluster: "shop-stable".to_owned(),
            canary_cluster: "shop\"canary".to_owned(),
        }
    }

    const WINDOW: Window = Window { end_ms: 0, length: Duration::from_millis(60_900) };

    #[test]
    fn placeholders_are_filled_in() {
        let query = r#"rate(x{v="{{variant}}",c="{{ cluster }}",i="{{rollout}}"}[{{window}}])"#;
        let template = Template::new(query).unwrap();
        assert_eq!(
            template.render(&subject(), Variant::Canary, &WINDOW),
            r#"rate(x{v="canary",c="shop\"canary",i="0a1b2c3d"}[60s])"#
        );
        assert!(template.names_side() && template.names_window());
    }

    #[test]
    fn a_query_without_placeholders_stays_as_it_is() {
        let query = r#"sum by (a) (up{job="x"})"#;
        let template = Template::new(query).unwrap();
        assert_eq!(template.render(&subject(), Variant::Stable, &WINDOW), query);
        assert!(!template.names_side() && !template.names_window());
    }

    #[test]
    fn unknown_and_open_placeholders_are_refused() {
        let unknown = Template::new("up{a=\"{{varient}}\"}").unwrap_err();
        assert_eq!(unknown, InvalidTemplate::Unknown("varient".to_owned()));
        assert!(unknown.to_string().starts_with("`{{varient}}` is unknown"), "{unknown}");
        assert_eq!(Template::new("up{{"), Err(InvalidTemplate::Open));
        assert_eq!(Template::new(" \n"), Err(InvalidTemplate::Empty));
    }
}
