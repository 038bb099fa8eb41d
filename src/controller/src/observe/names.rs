//! Selectors for the filter's metrics, whether or not tags are taken out of their names.
//!
//! A proxy that was told to extract tags shows `serin_rollout_revision{id="0a1b2c3d",…}`. One that
//! was not keeps them in the name, in which Envoy turns every other character into `_`:
//! `serin_rollout_revision_id___0a1b2c3d___rollout___shop_checkout___`. Reading both spares the
//! proxies a restart.

use serin_document::metrics;

/// A metric's name as Envoy exports it where no tags are taken out.
fn flat(base: &str, tags: &[(&str, &str)]) -> String {
    metrics::tagged(base, tags)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// The series of one rollout of a gauge that carries its id: both forms, names kept.
pub(super) fn gauge(base: &str, metric_id: &str) -> String {
    let flat = flat(base, &[(metrics::ID, metric_id)]);
    format!("{{__name__=~\"{base}|{flat}.+\",id=~\"{metric_id}|\"}}")
}

/// Like [`gauge`], for several metrics at once.
pub(super) fn all_of(bases: &[&str], metric_id: &str) -> String {
    let names: Vec<String> = bases
        .iter()
        .map(|base| format!("{base}|{}.+", flat(base, &[(metrics::ID, metric_id)])))
        .collect();
    format!("{{__name__=~\"{}\",id=~\"{metric_id}|\"}}", names.join("|"))
}

/// How the name of a series ends that carries these tags last, where none was taken out.
pub(super) fn flat_end(tags: &[(&str, &str)]) -> String {
    // A leading `_` stands for what separates the tags before.
    flat("", tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_selected() {
        assert_eq!(
            gauge("serin_rollout_revision", "0a1b2c3d"),
            "{__name__=~\"serin_rollout_revision|serin_rollout_revision_id___0a1b2c3d___.+\",\
             id=~\"0a1b2c3d|\"}"
        );
    }

    #[test]
    fn the_end_of_a_flat_name_is_that_of_the_whole() {
        let tags =
            [("id", "0a1b2c3d"), ("rollout", "shop/a"), ("variant", "canary"), ("reason", "hash")];
        let whole = flat("serin_assignments", &tags);
        assert_eq!(
            whole,
            "serin_assignments_id___0a1b2c3d___rollout___shop_a___variant___canary___reason___hash___"
        );
        assert!(whole.ends_with(&flat_end(&[("variant", "canary"), ("reason", "hash")])));
        assert!(!whole.ends_with(&flat_end(&[("variant", "stable"), ("reason", "hash")])));
    }
}
