//! `serin kube check`: what an installation lacks, and what mends it.

use core::fmt::Write as _;

use anstyle::Style;

use super::cluster::{Cluster, Reach};
use crate::cli::tones::{BAD, BOLD, GOOD, WAIT};
use crate::cli::{Exit, Failure, Output, print};
use crate::operator::{Asked, Finding, Outcome, Section, installation};
use crate::prometheus::Address;

/// Look at an installation: definition, controller, rights, and of each release its route,
/// Deployments, plugin, proxies and metrics.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Everything is asked with your own rights, but for metrics, which are asked of the releases' Prometheus
from here. What may not be read is marked `?`. The exit code is 1 where something is marked `✗`.")]
pub(super) struct Check {
    #[command(flatten)]
    target: super::Target,
    /// The releases of all namespaces.
    #[arg(long, short = 'A', conflicts_with_all = ["namespace", "release"])]
    all_namespaces: bool,
    /// The namespace in which the controller is installed.
    #[arg(long, value_name = "NAMESPACE", default_value = "serin-system")]
    controller_namespace: String,
    /// Where Prometheus is reached from here, such as through `kubectl port-forward` [default: the
    /// releases' own address]
    #[arg(long, value_name = "URL")]
    prometheus: Option<Address>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(check: &Check) -> Result<Exit, Failure> {
    let cluster = Cluster::connect().await?;
    let reach = Reach::of(check.all_namespaces, &check.target);
    let releases = match &check.target.release {
        Some(name) => vec![cluster.find(&reach, Some(name)).await?],
        None => cluster.list_if_defined(&reach).await?,
    };
    let asked = Asked {
        releases,
        controller_namespace: check.controller_namespace.clone(),
        prometheus: check.prometheus.clone(),
    };
    let sections = installation(cluster.client(), &asked).await;
    match check.output {
        Output::Text => print(&text(&sections))?,
        Output::Json => {
            print(&format!("{:#}\n", serde_json::json!({ "sections": sections })))?;
        }
    }
    let bad = all(&sections).any(|finding| finding.outcome == Outcome::Bad);
    Ok(if bad { Exit::Failed } else { Exit::Ok })
}

fn all(sections: &[Section]) -> impl Iterator<Item = &Finding> {
    sections.iter().flat_map(|section| &section.findings)
}

fn text(sections: &[Section]) -> String {
    let width = all(sections).map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Section { about, findings } in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{BOLD}{about}{BOLD:#}");
        for Finding { check, outcome, message, mend } in findings {
            let (mark, tone) = marked(*outcome);
            let _ = writeln!(text, "  {tone}{mark}{tone:#} {check:width$}  {message}");
            if let Some(mend) = mend {
                let _ = writeln!(text, "    {:width$}  → {mend}", "");
            }
        }
    }
    text
}

const fn marked(outcome: Outcome) -> (char, Style) {
    match outcome {
        Outcome::Good => ('✓', GOOD),
        Outcome::Doubtful => ('!', WAIT),
        Outcome::Bad => ('✗', BAD),
        Outcome::Unknown => ('?', WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mends_a_finding_stands_below_it() {
        let finding = |check, outcome, mend: Option<&str>| Finding {
            check,
            outcome,
            message: "what was found".to_owned(),
            mend: mend.map(str::to_owned),
        };
        let sections = [Section {
            about: "shop/web".to_owned(),
            findings: vec![
                finding("route", Outcome::Good, None),
                finding("capacity", Outcome::Bad, Some("do this")),
            ],
        }];
        let expected = "\
shop/web
  ✓ route     what was found
  ✗ capacity  what was found
              → do this
";
        assert_eq!(anstream::adapter::strip_str(&text(&sections)).to_string(), expected);
    }
}
