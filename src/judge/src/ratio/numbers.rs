//! A ratio test as bare numbers, for who has no room for JSON: a few hundred, always as many for the
//! same rule and cohorts.

use super::RatioTest;
use crate::bits::Bits;
use crate::log_space::{as_count, as_real};
use crate::restarts::Stakes;
use crate::{OneSample, Rule};

impl RatioTest {
    /// The state as numbers, from which [`from_numbers`](Self::from_numbers) makes the same again.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        let tests = [as_real(self.intervals)].into_iter();
        let plain = self.plain.iter().map(|sum| sum.get());
        let stakes = [&self.all].into_iter().chain(&self.without);
        tests
            .chain(plain)
            .chain(stakes.flat_map(Stakes::numbers))
            .chain(self.floor.iter().flat_map(OneSample::numbers))
    }

    /// The test with this state; it takes as many numbers as it needs. None where they run out, or
    /// cannot be a state.
    pub fn from_numbers(
        rule: &Rule,
        cohorts: usize,
        numbers: &mut impl Iterator<Item = f64>,
    ) -> Option<Self> {
        let mut test = Self::new(rule, cohorts);
        test.intervals = as_count(numbers.next()?)?;
        for sum in &mut test.plain {
            *sum = Bits::new(numbers.next()?);
        }
        test.all.fill(numbers)?;
        for stakes in &mut test.without {
            stakes.fill(numbers)?;
        }
        if let Some(floor) = &mut test.floor {
            floor.fill(numbers)?;
        }
        Some(test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, Dispersion, Interval, Look, Margin, SetAside, Share, Worse};

    fn rule(floor: Option<Share>) -> Rule {
        let margin = Margin::default_for(Worse::Higher);
        Rule { worse: Worse::Higher, margin, floor, set_aside: SetAside::One }
    }

    #[test]
    fn a_test_goes_on_from_its_numbers_bit_for_bit() {
        for rule in [rule(None), rule(Some(Share::DEFAULT_FLOOR))] {
            let mut test = RatioTest::new(&rule, 3);
            let counts = Counts::try_new(10.0, 3.0, 90.0, 1.0).unwrap();
            let interval = Interval { cohorts: vec![counts; 3], rest: Counts::ZERO };
            for _ in 0..5 {
                let numbers: Vec<f64> = test.numbers().collect();
                let mut given = numbers.iter().copied();
                assert_eq!(RatioTest::from_numbers(&rule, 3, &mut given), Some(test.clone()));
                assert_eq!(given.next(), None);
                let short = numbers[..numbers.len() - 1].iter().copied();
                assert_eq!(RatioTest::from_numbers(&rule, 3, &mut short.clone()), None);
                test.absorb(&rule, &interval, Dispersion::NONE, Look::Judged);
            }
        }
    }

    #[test]
    fn what_can_be_no_state_is_none() {
        for intervals in [-1.0, 0.5, f64::NAN, f64::INFINITY] {
            let mut numbers = [intervals].into_iter().chain(std::iter::repeat(0.0));
            assert_eq!(RatioTest::from_numbers(&rule(None), 3, &mut numbers), None);
        }
        let mut numbers = [1.0].into_iter().chain(std::iter::repeat(f64::NAN));
        let test = RatioTest::from_numbers(&rule(None), 3, &mut numbers).unwrap();
        assert!(test.log_e() <= 0.0, "no evidence");
    }
}
