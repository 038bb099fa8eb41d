//! The controller's own figures, for `/metrics`.

use core::fmt;
use std::sync::Arc;
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
const PHASES: [(Phase, &str); 6] = [
    (Phase::Pending, "Pending"),
    (Phase::Progressing, "Progressing"),
    (Phase::Promoting, "Promoting"),
    (Phase::Succeeded, "Succeeded"),
    (Phase::RollingBack, "RollingBack"),
    (Phase::RolledBack, "RolledBack"),
];
const ALERTS: [(Alert, &str); 11] = [
    (Alert::NoData, "NoData"),
    (Alert::RollbackNotEffective, "RollbackNotEffective"),
    (Alert::NotLive, "NotLive"),
    (Alert::Frozen, "Frozen"),
    (Alert::StateLost, "StateLost"),
    (Alert::SuspectAtFull, "SuspectAtFull"),
    (Alert::Tripped, "Tripped"),
    (Alert::ServingChanged, "ServingChanged"),
    (Alert::RouteUnusable, "RouteUnusable"),
    (Alert::Held, "Held"),
    (Alert::PromotionStuck, "PromotionStuck"),
];
const VERDICTS: [(Verdict, &str); 7] = [
    (Verdict::Pass, "Pass"),
    (Verdict::NoComparison, "NoComparison"),
    (Verdict::Skipped, "Skipped"),
    (Verdict::Hold, "Hold"),
    (Verdict::Fail, "Fail"),
    (Verdict::NoData, "NoData"),
    (Verdict::Broken, "Broken"),
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

/// A text that the labels of many series share: a release has some thirty.
type Text = Arc<String>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReleaseLabels {
    namespace: Text,
    name: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    namespace: Text,
    name: Text,
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GateLabels {
    namespace: Text,
    name: Text,
    gate: Text,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EvidenceLabels {
    namespace: Text,
    name: Text,
    gate: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    namespace: Text,
    name: Text,
    alert: &'static str,
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

impl ReleaseLabels {
    fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: Arc::new(namespace.to_owned()), name: Arc::new(name.to_owned()) }
    }

    fn phase(&self, phase: &'static str) -> PhaseLabels {
        let Self { namespace, name } = self.clone();
        PhaseLabels { namespace, name, phase }
    }

    fn alert(&self, alert: &'static str) -> AlertLabels {
        let Self { namespace, name } = self.clone();
        AlertLabels { namespace, name, alert }
    }

    fn gate(&self, gate: &str) -> EvidenceLabels {
        let Self { namespace, name } = self.clone();
        EvidenceLabels { namespace, name, gate: Arc::new(gate.to_owned()) }
    }
}

impl EvidenceLabels {
    fn verdict(&self, verdict: &'static str) -> GateLabels {
        let Self { namespace, name, gate } = self.clone();
        GateLabels { namespace, name, gate, verdict }
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
        let release = ReleaseLabels::new(&status.namespace, &status.name);
        self.weight.get_or_create(&release).set(status.weight.share());
        self.step.get_or_create(&release).set(count(status.step as u64));
        for (phase, word) in PHASES {
            let is = status.phase == Some(phase);
            self.phase.get_or_create(&release.phase(word)).set(i64::from(is));
        }
        for (alert, word) in ALERTS {
            let is = status.alerts.iter().any(|active| active.name == alert);
            self.alert.get_or_create(&release.alert(word)).set(i64::from(is));
        }
        for gate in &status.gates {
            let labels = release.gate(&gate.name);
            for (verdict, word) in VERDICTS {
                let is = gate.verdict == verdict;
                self.gate.get_or_create(&labels.verdict(word)).set(i64::from(is));
            }
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
        let labels = ReleaseLabels::new(&release.namespace, &release.name);
        for (_, phase) in PHASES {
            self.phase.remove(&labels.phase(phase));
        }
        for (_, alert) in ALERTS {
            self.alert.remove(&labels.alert(alert));
        }
        for gate in &release.plan.gates {
            self.forget_gate(release, gate);
        }
        self.weight.remove(&labels);
        self.step.remove(&labels);
        self.evidence.remove(&labels);
    }

    /// Takes away what is said of a gate that the release has no more.
    pub fn forget_gate(&self, release: &Release, gate: &str) {
        let labels = ReleaseLabels::new(&release.namespace, &release.name).gate(gate);
        for (_, verdict) in VERDICTS {
            self.gate.remove(&labels.verdict(verdict));
        }
        self.forget_evidence(&labels);
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
