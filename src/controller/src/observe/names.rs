//! Selectors for the filter's metrics, whether or not tags are taken out of their names.
//!
//! A proxy that was told to extract tags shows `serin_rollout_revision{id="0a1b2c3d",…}`. One that
//! was not keeps them in the name, in which Envoy turns every other character into `_`:
//! `serin_rollout_revision_id___0a1b2c3d___rollout___shop_checkout___`. Reading both spares the
//! proxies a restart.

use serin_document::metrics;

use crate::gates::cluster_label;
use crate::metrics::{Labels, Matcher, Selector, Text};

/// A metric's name as Envoy exports it where no tags are taken out.
pub(crate) fn flat(base: &str, tags: &[(&str, &str)]) -> String {
    metrics::tagged(base, tags)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// The series of one rollout of metrics that carry its id: both forms.
pub(super) fn of_rollout(bases: &[&str], metric_id: &str) -> Selector {
    let names = bases.iter().flat_map(|base| {
        [Text::whole(*base), Text::beginning(flat(base, &[(metrics::ID, metric_id)]))]
    });
    let id = Matcher::any_of(metrics::ID, [Text::whole(metric_id), Text::whole("")]);
    Selector::of_any(names, [id])
}

/// The series of a cluster that are of one of these metrics of Envoy.
pub(super) fn of_cluster(names: &[&str], cluster: &str) -> Selector {
    let cluster = Matcher::equal("envoy_cluster_name", cluster_label(cluster));
    Selector::of_any(names.iter().copied().map(Text::whole), [cluster])
}

/// Whether a series is of the metric `base` with these tags, which are the last of its name where
/// none was taken out.
pub(super) fn carries(labels: &Labels, base: &str, tags: &[(&str, &str)]) -> bool {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let name = label("__name__");
    if name == base {
        return tags.iter().all(|(key, value)| label(key) == *value);
    }
    // A leading `_` stands for what separates the tags before.
    name.strip_prefix(base).is_some_and(|rest| rest.ends_with(&flat("", tags)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_selected() {
        assert_eq!(
            of_rollout(&["serin_rollout_revision"], "0a1b2c3d").to_string(),
            "{__name__=~\"serin_rollout_revision|serin_rollout_revision_id___0a1b2c3d___.+\",\
             id=~\"0a1b2c3d|\"}"
        );
    }

    #[test]
    fn a_cluster_is_selected_by_the_name_that_envoy_gives_it() {
        assert_eq!(
            of_cluster(&["envoy_cluster_upstream_rq_total"], "ns::web").to_string(),
            "{__name__=~\"envoy_cluster_upstream_rq_total\",envoy_cluster_name=\"ns__web\"}"
        );
    }

    #[test]
    fn tags_are_found_in_labels_and_in_names() {
        let tags =
            [("id", "0a1b2c3d"), ("rollout", "shop/a"), ("variant", "canary"), ("reason", "hash")];
        let whole = flat("serin_assignments", &tags);
        assert_eq!(
            whole,
            "serin_assignments_id___0a1b2c3d___rollout___shop_a___variant___canary___reason___hash___"
        );
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mut extracted = labels(&tags);
        extracted.insert("__name__".to_owned(), "serin_assignments".to_owned());
        for series in [labels(&[("__name__", &whole)]), extracted] {
            let carries = |base, variant, reason| {
                carries(&series, base, &[("variant", variant), ("reason", reason)])
            };
            assert!(carries("serin_assignments", "canary", "hash"));
            assert!(!carries("serin_assignments", "stable", "hash"));
            assert!(!carries("serin_assignments", "canary", "random"));
            assert!(!carries("serin_served", "canary", "hash"));
        }
    }
}
