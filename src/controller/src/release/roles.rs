//! Which of a release's two sides is stable's: as the release names them, until a rollout ends with
//! their roles swapped.

use core::mem::swap;

use serin_document::Clusters;
use serin_rollout::Side;

use super::{Kubernetes, Release};
use crate::gates::{Counts, Gate, Kind, Sides};

impl Release {
    /// The same release where this side is stable's: all that names a side, whose it is and what is
    /// asked of metrics about it, names the other one where that is a change.
    #[must_use]
    pub fn with_serving(mut self, serving: Side) -> Self {
        if serving != self.serving {
            self.serving = serving;
            swap(&mut self.traffic.stable_cluster, &mut self.traffic.canary_cluster);
            self.kubernetes = self.kubernetes.map(Kubernetes::swapped);
            self.gates.iter_mut().for_each(Gate::swap);
        }
        self
    }

    /// Envoy's clusters of the two roles where this side is stable's.
    pub(super) fn clusters(&self, serving: Side) -> Clusters {
        let mut clusters = Clusters {
            stable: vec![self.traffic.stable_cluster.clone()],
            canary: vec![self.traffic.canary_cluster.clone()],
        };
        if serving != self.serving {
            swap(&mut clusters.stable, &mut clusters.canary);
        }
        clusters
    }
}

impl Kubernetes {
    fn swapped(self) -> Self {
        let mut target = self.target;
        swap(&mut target.stable, &mut target.canary);
        Self { target, reference: self.reference.swapped(), ..self }
    }
}

impl Gate {
    /// Marks name roles, and so does the label that carries them; any other label says which
    /// workload it was.
    fn swap(&mut self) {
        let Kind::Ratio(ratio) = &mut self.kind else { return };
        match &mut ratio.counts {
            Counts::Custom { sides, .. } if sides.label == Sides::DEFAULT_LABEL => {}
            Counts::Istio { sides, .. }
            | Counts::Linkerd { sides, .. }
            | Counts::Custom { sides, .. } => {
                swap(&mut sides.canary, &mut sides.stable);
            }
            Counts::Filter | Counts::Envoy | Counts::Traefik => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serin_rollout::Traffic;

    use super::super::object::example;
    use super::*;

    #[test]
    fn all_that_names_a_side_follows_the_roles() {
        let before = example();
        let after = before.clone().with_serving(Side::Second);
        let (named, swapped) =
            (before.kubernetes.clone().unwrap(), after.kubernetes.clone().unwrap());
        assert_eq!(
            (&named.target.stable, &named.target.canary),
            (&swapped.target.canary, &swapped.target.stable)
        );
        assert_eq!(named.reference.stable, swapped.reference.canary);
        assert_eq!(named.reference.entries, swapped.reference.entries, "marks name roles");
        assert_eq!(before.subject().canary_cluster, after.subject().stable_cluster);
        assert_eq!(after.clone().with_serving(Side::Second), after);
        assert_eq!(after.with_serving(Side::First), before);
    }

    #[test]
    fn the_document_names_the_clusters_of_the_traffics_roles() {
        let release = example();
        let traffic = Traffic::new("5%".parse().unwrap(), true, 7);
        let swapped = Traffic { serving: Side::Second, ..traffic };
        let of = |release: &Release, traffic| {
            release.rollout(traffic, &BTreeMap::new()).clusters.unwrap()
        };
        let (named, after) = (of(&release, &traffic), of(&release, &swapped));
        assert_eq!((&named.stable, &named.canary), (&after.canary, &after.stable));
        // Whichever roles the release was read by.
        assert_eq!(of(&release.with_serving(Side::Second), &swapped), after);
    }

    #[test]
    fn counts_that_say_which_workload_it_was_follow_the_roles_and_marks_do_not() {
        let sides = |label: &str| Sides {
            label: label.to_owned(),
            canary: "new".to_owned(),
            stable: "old".to_owned(),
        };
        let of = |counts: Counts| {
            let mut release = example();
            let gate = release.gates.first_mut().unwrap();
            let Kind::Ratio(ratio) = &mut gate.kind else { panic!() };
            ratio.counts = counts;
            let release = release.with_serving(Side::Second);
            let ratio = release.gates.first().unwrap().ratio().unwrap();
            match &ratio.counts {
                Counts::Istio { sides, .. } | Counts::Custom { sides, .. } => sides.canary.clone(),
                other => panic!("{other:?}"),
            }
        };
        let custom = |label| Counts::Custom {
            events: None,
            opportunities: None,
            histogram: None,
            sides: sides(label),
            cohort: "cohort".to_owned(),
        };
        assert_eq!(of(Counts::Istio { sides: sides("variant"), labels: BTreeMap::new() }), "old");
        assert_eq!(of(custom("version")), "old");
        assert_eq!(of(custom("variant")), "new");
    }
}
