//! The controller's own figures, for `/metrics`.

use core::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serin_rollout::{Alert, Phase, Reason, Verdict};

use crate::notify::Outcome;
use crate::release::Release;
use crate::status::Status;

/// Every phase, alert and verdict, so that a series says 0 where it does not hold.
const PHASES: [Phase; 6] = [
    Phase::Pending,
    Phase::Progressing,
    Phase::Promoting,
    Phase::Succeeded,
    Phase::RollingBack,
    Phase::RolledBack,
];
const ALERTS: [Alert; 10] = [
    Alert::NoData,
    Alert::RollbackNotEffective,
    Alert::NotLive,
    Alert::Frozen,
    Alert::StateLost,
    Alert::SuspectAtFull,
    Alert::Tripped,
    Alert::ServingChanged,
    Alert::RouteUnusable,
    Alert::PromotionStuck,
];
const VERDICTS: [Verdict; 7] = [
    Verdict::Pass,
    Verdict::NoComparison,
    Verdict::Skipped,
    Verdict::Hold,
    Verdict::Fail,
    Verdict::NoData,
    Verdict::Broken,
];

/// The figures of all releases.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    weight: Family<ReleaseLabels, Gauge<f64, AtomicU64>>,
    step: Family<ReleaseLabels, Gauge>,
    phase: Family<PhaseLabels, Gauge>,
    gate: Family<GateLabels, Gauge>,
    evidence: Family<ReleaseLabels, Gauge<f64, AtomicU64>>,
    gate_evidence: Family<EvidenceLabels, Gauge<f64, AtomicU64>>,
    detectable: Family<EvidenceLabels, Gauge<f64, AtomicU64>>,
    alert: Family<AlertLabels, Gauge>,
    decisions: Family<DecisionLabels, Counter>,
    notifications: Family<NotificationLabels, Counter>,
    document: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReleaseLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    namespace: String,
    name: String,
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GateLabels {
    namespace: String,
    name: String,
    gate: String,
    verdict: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EvidenceLabels {
    namespace: String,
    name: String,
    gate: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    namespace: String,
    name: String,
    alert: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    namespace: String,
    name: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotificationLabels {
    receiver: String,
    outcome: &'static str,
}

impl GateLabels {
    fn new((namespace, name): (&str, &str), gate: &str, verdict: Verdict) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            gate: gate.to_owned(),
            verdict: format!("{verdict:?}"),
        }
    }
}

impl EvidenceLabels {
    fn new((namespace, name): (&str, &str), gate: &str) -> Self {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Self { namespace, name, gate: gate.to_owned() }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("serin");
        let this = Self {
            weight: Family::default(),
            step: Family::default(),
            phase: Family::default(),
            gate: Family::default(),
            evidence: Family::default(),
            gate_evidence: Family::default(),
            detectable: Family::default(),
            alert: Family::default(),
            decisions: Family::default(),
            notifications: Family::default(),
            document: Gauge::default(),
            registry: Registry::default(),
        };
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        registry.register("release_weight", "The canary's share, 0 to 1", this.weight.clone());
        registry.register("release_step", "The present step, counted from 1", this.step.clone());
        registry.register("release_phase", "1 for the present phase", this.phase.clone());
        registry.register("release_gate", "1 for a gate's last verdict", this.gate.clone());
        registry.register(
            "release_log_evidence",
            "Natural logarithm of the evidence that decides; a rollback at ln(1/alpha)",
            this.evidence.clone(),
        );
        registry.register(
            "release_gate_log_evidence",
            "Natural logarithm of a gate's evidence without its worst cohorts",
            this.gate_evidence.clone(),
        );
        registry.register(
            "release_gate_detectable_ratio",
            "The ratio that the step would have shown by now with a chance of 90 %; 0 while none",
            this.detectable.clone(),
        );
        registry.register("release_alert", "1 while an alert is active", this.alert.clone());
        registry.register(
            "release_decisions",
            "Decisions that differed from the one before, by reason",
            this.decisions.clone(),
        );
        registry.register(
            "notifications",
            "Tries to tell a receiver, by outcome: delivered, failed, refused or expired",
            this.notifications.clone(),
        );
        registry.register(
            "document_published_revision",
            "Revision of the assignment document that is served",
            this.document.clone(),
        );
        Self { registry, ..this }
    }
}

impl Telemetry {
    /// Sets what status shows.
    pub fn show(&self, status: &Status) {
        let (namespace, name) = (status.namespace.clone(), status.name.clone());
        let release = ReleaseLabels { namespace: namespace.clone(), name: name.clone() };
        self.weight.get_or_create(&release).set(status.weight.share());
        self.step.get_or_create(&release).set(count(status.step as u64));
        for phase in PHASES {
            let is = status.phase == Some(phase);
            let phase = format!("{phase:?}");
            let labels = PhaseLabels { namespace: namespace.clone(), name: name.clone(), phase };
            self.phase.get_or_create(&labels).set(i64::from(is));
        }
        for alert in ALERTS {
            let is = status.alerts.iter().any(|active| active.name == alert);
            let alert = format!("{alert:?}");
            let labels = AlertLabels { namespace: namespace.clone(), name: name.clone(), alert };
            self.alert.get_or_create(&labels).set(i64::from(is));
        }
        for gate in &status.gates {
            for verdict in VERDICTS {
                let labels = GateLabels::new((&namespace, &name), &gate.name, verdict);
                self.gate.get_or_create(&labels).set(i64::from(gate.verdict == verdict));
            }
            let labels = EvidenceLabels::new((&namespace, &name), &gate.name);
            match &gate.evidence {
                Some(evidence) => {
                    self.gate_evidence.get_or_create(&labels).set(evidence.log_e_worst);
                    let detectable = evidence.detectable.unwrap_or(0.0);
                    self.detectable.get_or_create(&labels).set(detectable);
                }
                // A rollout that has not begun has none of the one before.
                None => self.forget_evidence(&labels),
            }
        }
        match &status.evidence {
            Some(evidence) => {
                self.evidence.get_or_create(&release).set(evidence.log_e);
            }
            None => {
                self.evidence.remove(&release);
            }
        }
    }

    /// Takes away how a release stands: it has gone, or is another process's to look after. What was
    /// counted of it stays.
    pub fn forget(&self, release: &Release) {
        let (namespace, name) = (release.namespace.clone(), release.name.clone());
        for phase in PHASES.map(|phase| format!("{phase:?}")) {
            let (namespace, name) = (namespace.clone(), name.clone());
            self.phase.remove(&PhaseLabels { namespace, name, phase });
        }
        for alert in ALERTS.map(|alert| format!("{alert:?}")) {
            let (namespace, name) = (namespace.clone(), name.clone());
            self.alert.remove(&AlertLabels { namespace, name, alert });
        }
        for gate in &release.plan.gates {
            self.forget_gate(release, gate);
        }
        let labels = ReleaseLabels { namespace, name };
        self.weight.remove(&labels);
        self.step.remove(&labels);
        self.evidence.remove(&labels);
    }

    /// Takes away what is said of a gate that the release has no more.
    pub fn forget_gate(&self, release: &Release, gate: &str) {
        for verdict in VERDICTS {
            self.gate.remove(&GateLabels::new((&release.namespace, &release.name), gate, verdict));
        }
        self.forget_evidence(&EvidenceLabels::new((&release.namespace, &release.name), gate));
    }

    fn forget_evidence(&self, labels: &EvidenceLabels) {
        self.gate_evidence.remove(labels);
        self.detectable.remove(labels);
    }

    /// Counts a decision that was news.
    pub fn decided(&self, release: &Release, reason: Reason) {
        let labels = DecisionLabels {
            namespace: release.namespace.clone(),
            name: release.name.clone(),
            reason: format!("{reason:?}"),
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// Counts what came of a try to tell a receiver.
    pub(crate) fn notified(&self, receiver: &str, outcome: Outcome) {
        let labels = NotificationLabels { receiver: receiver.to_owned(), outcome: outcome.word() };
        self.notifications.get_or_create(&labels).inc();
    }

    /// Writes all figures, with the revision of the document that is served; 0 where none is. The
    /// page's end mark is its caller's.
    ///
    /// # Errors
    /// Where a figure cannot be written, which would be a fault of this module.
    pub fn write(&self, text: &mut String, document_revision: u64) -> fmt::Result {
        self.document.set(count(document_revision));
        encode_registry(text, &self.registry)
    }
}

/// The library's gauges are signed; a revision or a step stays far below their end.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::engine::scripted::release;
    use crate::status::example;

    use super::*;

    fn lines(telemetry: &Telemetry) -> String {
        let mut text = String::new();
        telemetry.write(&mut text, 12).unwrap();
        text
    }

    #[test]
    fn figures_show_what_status_shows() {
        let telemetry = Telemetry::default();
        telemetry.show(&example());
        telemetry.decided(&release("v2", "shop.example.com"), Reason::Advanced);
        let text = lines(&telemetry);
        for line in [
            "serin_release_weight{namespace=\"demo\",name=\"shop\"} 0.25",
            "serin_release_step{namespace=\"demo\",name=\"shop\"} 2",
            "serin_release_phase{namespace=\"demo\",name=\"shop\",phase=\"Progressing\"} 1",
            "serin_release_phase{namespace=\"demo\",name=\"shop\",phase=\"RolledBack\"} 0",
            "serin_release_gate{namespace=\"demo\",name=\"shop\",gate=\"errors\",verdict=\"Pass\"} 1",
            "serin_release_log_evidence{namespace=\"demo\",name=\"shop\"} 0.25",
            "serin_release_gate_log_evidence{namespace=\"demo\",name=\"shop\",gate=\"errors\"} 0.25",
            "serin_release_gate_detectable_ratio{namespace=\"demo\",name=\"shop\",gate=\"errors\"} 3.1",
            "serin_release_alert{namespace=\"demo\",name=\"shop\",alert=\"NoData\"} 0",
            "serin_release_decisions_total{namespace=\"demo\",name=\"shop\",reason=\"Advanced\"} 1",
            "serin_document_published_revision 12",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn of_a_release_that_is_gone_only_the_counts_stay() {
        let telemetry = Telemetry::default();
        let release = release("v2", "shop.example.com");
        telemetry.show(&example());
        telemetry.decided(&release, Reason::Advanced);
        telemetry.forget(&release);
        let text = lines(&telemetry);
        let of_it: Vec<&str> = text.lines().filter(|line| line.contains("name=\"shop\"")).collect();
        assert_eq!(of_it.len(), 1, "{text}");
        assert!(of_it.iter().all(|line| line.starts_with("serin_release_decisions_total")));
    }

    #[test]
    fn a_gate_that_is_gone_is_not_shown_any_more() {
        let telemetry = Telemetry::default();
        telemetry.show(&example());
        telemetry.forget_gate(&release("v2", "shop.example.com"), "errors");
        assert!(!lines(&telemetry).contains("gate=\"errors\""));
    }
}
