//! Several measurements of one thing.

use serde::Serialize;

/// Their number and quantiles; NaN where nothing was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) number: usize,
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        // The smallest value that so many hundredths of all do not exceed.
        let at = |hundredths: usize| {
            let rank = (values.len() * hundredths).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or(f64::NAN)
        };
        Self { number: values.len(), least: at(0), median: at(50), p99: at(99), most: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let shown = |it: Spread| format!("{} {} {} {}", it.least, it.median, it.p99, it.most);
        assert_eq!(shown(Spread::of((1..=200).map(f64::from))), "1 100 198 200");
        assert_eq!(shown(Spread::of([7.0])), "7 7 7 7");
        assert!(Spread::of([]).median.is_nan());
    }
}
