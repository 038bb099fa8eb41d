//! Serin's own rule, by the crate that decides in the controller.

use serin_judge::{
    Alpha, Dispersion, Interval, Look, Margin, OutOfRange, RatioTest, Rule as Tested, SetAside,
    Share, Worse, gross,
};

use super::{ALPHA, Rule, is_skipped};
use crate::schedule::Stretch;

/// The dispersion at a canary's share.
pub(crate) type DispersionAt = Box<dyn Fn(f64) -> Dispersion>;

/// What is the same in all runs of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    alpha: Alpha,
    tested: Tested,
    cohorts: usize,
}

impl Setup {
    /// For errors, with the defaults for everything but the cohorts.
    pub(crate) fn new(cohorts: usize, set_aside: SetAside) -> Result<Self, OutOfRange> {
        let worse = Worse::Higher;
        Ok(Self {
            alpha: Alpha::try_new(ALPHA)?,
            tested: Tested {
                worse,
                margin: Margin::default_for(worse),
                floor: Some(Share::DEFAULT_FLOOR),
                set_aside,
            },
            cohorts,
        })
    }

    /// What watches over the skipped start.
    const fn guarded(&self) -> Tested {
        gross::rule(self.tested.set_aside)
    }
}

pub(crate) struct Serin {
    setup: Setup,
    test: RatioTest,
    guard: RatioTest,
    dispersion: DispersionAt,
}

impl Serin {
    pub(crate) fn new(setup: Setup) -> Self {
        Self::dispersed(setup, Box::new(|_| Dispersion::NONE))
    }

    pub(crate) fn dispersed(setup: Setup, dispersion: DispersionAt) -> Self {
        Self {
            setup,
            test: RatioTest::new(&setup.tested, setup.cohorts),
            guard: RatioTest::new(&setup.guarded(), setup.cohorts),
            dispersion,
        }
    }
}

impl Rule for Serin {
    fn look(&mut self, stretch: &Stretch, interval: &Interval) -> bool {
        let Self { setup, test, guard, dispersion } = self;
        let phi = dispersion(stretch.weight);
        if is_skipped(stretch) {
            test.absorb(&setup.tested, interval, phi, Look::Skipped);
            guard.absorb(&setup.guarded(), interval, phi, Look::Judged);
            return condemns(guard, gross::alpha(setup.alpha));
        }
        test.absorb(&setup.tested, interval, phi, Look::Judged);
        condemns(test, setup.alpha)
    }
}

fn condemns(test: &RatioTest, alpha: Alpha) -> bool {
    test.log_e_worst().log_e >= alpha.log_threshold() && test.floor_met(alpha)
}
