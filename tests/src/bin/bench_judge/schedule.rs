//! How the weight rises, and when one looks.

/// Weights in turn, each for so many looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    weights: &'static [f64],
    looks_each: u32,
    minutes_a_look: u32,
}

/// The time between two looks, and what happens in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    /// The canary's share.
    pub weight: f64,
    /// The weight's place in the schedule.
    pub step: usize,
    /// Minutes since the rollout's start when it begins.
    pub start: u32,
    /// Its length in minutes.
    pub minutes: u32,
}

impl Stretch {
    pub(crate) const fn end(&self) -> u32 {
        self.start + self.minutes
    }

    pub(crate) fn seconds(&self) -> f64 {
        f64::from(self.minutes) * 60.0
    }
}

impl Schedule {
    /// Five weights of 12 minutes, a look a minute.
    pub(crate) const HOUR: Self =
        Self { weights: &[0.01, 0.05, 0.1, 0.25, 0.5], looks_each: 12, minutes_a_look: 1 };

    /// A small weight for 36 hours, a look in 10 minutes.
    pub(crate) const LONG: Self = Self { weights: &[0.01], looks_each: 216, minutes_a_look: 10 };

    pub(crate) const fn weights(&self) -> &'static [f64] {
        self.weights
    }

    pub(crate) fn stretches(self) -> impl Iterator<Item = Stretch> {
        let weights = self.weights.iter().enumerate();
        let looks = weights.flat_map(move |at| (0..self.looks_each).map(move |_| at));
        (0..).zip(looks).map(move |(number, (step, &weight))| Stretch {
            weight,
            step,
            start: number * self.minutes_a_look,
            minutes: self.minutes_a_look,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_sixty_looks_at_rising_weights() {
        let stretches: Vec<Stretch> = Schedule::HOUR.stretches().collect();
        assert_eq!(stretches.len(), 60);
        assert_eq!(stretches[11], Stretch { weight: 0.01, step: 0, start: 11, minutes: 1 });
        assert_eq!(stretches[12], Stretch { weight: 0.05, step: 1, start: 12, minutes: 1 });
        assert_eq!(stretches[59].end(), 60);
    }

    #[test]
    fn the_long_one_lasts_36_hours() {
        let last = Schedule::LONG.stretches().last().unwrap();
        assert_eq!((last.weight, last.end()), (0.01, 36 * 60));
    }
}
