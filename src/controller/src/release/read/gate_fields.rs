//! The fields of a gate that its kind chooses from.

use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec::{Counts, Gate};

/// What a gate was given. A field that was asked for is taken; what is left at the end belongs to
/// another kind.
pub(super) struct Fields<'a> {
    texts: Vec<(&'static str, String)>,
    min_samples: Option<u64>,
    bounds: Option<Vec<String>>,
    counts: Option<Counts>,
    pub(super) at: &'a FieldPath,
    pub(super) faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    pub(super) fn new(gate: Gate, at: &'a FieldPath, faults: &'a mut Faults) -> Self {
        let given = [
            ("margin", gate.margin.map(String::from)),
            ("weight", gate.weight.map(String::from)),
            ("dispersion", gate.dispersion.map(String::from)),
            ("floor", gate.floor),
            ("slo", gate.slo),
            ("lag", gate.lag),
            ("window", gate.window),
            ("max", gate.max.map(String::from)),
            ("min", gate.min.map(String::from)),
            ("maxRatio", gate.max_ratio.map(String::from)),
            ("query", gate.query),
            ("samples", gate.samples),
            ("url", gate.url),
            ("urlFile", gate.url_file),
            ("signingKeyFile", gate.signing_key_file),
            ("caFile", gate.ca_file),
            ("before", gate.before),
            ("onNo", gate.on_no),
            ("onError", gate.on_error),
            ("timeout", gate.timeout),
        ];
        let texts = given.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        let (min_samples, bounds, counts) = (gate.min_samples, gate.bounds, gate.counts);
        Self { texts, min_samples, bounds, counts, at, faults }
    }

    /// The outer `None` is a fault.
    #[expect(clippy::option_option, reason = "a fault and an absent field are two things")]
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            None => Some(None),
            Some(text) => self.faults.parse(self.at.field(name), &text, parse).map(Some),
        }
    }

    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        meaning: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if let Some(text) = self.take(name) {
            return self.faults.parse(self.at.field(name), &text, parse);
        }
        self.faults.missing(self.at.field(name), meaning);
        None
    }

    pub(super) const fn min_samples(&mut self) -> Option<u64> {
        self.min_samples.take()
    }

    pub(super) const fn bounds(&mut self) -> Option<Vec<String>> {
        self.bounds.take()
    }

    pub(super) const fn counts(&mut self) -> Option<Counts> {
        self.counts.take()
    }

    pub(super) fn refuse_rest(&mut self, kind: &str) {
        let others = [
            ("minSamples", self.min_samples.take().map(|least| least.to_string())),
            ("bounds", self.bounds.take().map(|bounds| bounds.join(", "))),
            ("counts", self.counts.take().map(|_| "…".to_owned())),
        ];
        let others = others.into_iter().filter_map(|(name, text)| Some((name, text?)));
        for (name, text) in self.texts.drain(..).chain(others) {
            self.faults.value(self.at.field(name), &text, format!("`{kind}` has no such field"));
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.texts.iter().position(|(known, _)| *known == name)?;
        Some(self.texts.swap_remove(place).1)
    }
}
