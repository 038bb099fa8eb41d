//! Rounds of all variants in turn, and the processor time of each.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serin_tests::answering;
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;

use crate::load::{Answers, Load, requests};
use crate::shape::Shape;
use crate::variants::{Marks, Variant};

/// Times that all users' requests are sent in a round: some 40 ms of Envoy's time.
const TIMES: usize = 2;

/// An Envoy with its load.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) variant: Variant,
    envoy: Envoy,
    load: Load,
}

/// By variant: its title, and for each round the microseconds of Envoy's time per request.
pub(crate) type Times = BTreeMap<&'static str, (&'static str, Vec<f64>)>;

impl Running {
    pub(crate) async fn start(variant: Variant, scratch: &Scratch) -> Result<Self> {
        let configuration = answering::configuration(variant.key, variant.filter.clone());
        let envoy = Envoy::start_with(variant.key, &configuration, scratch, 1).await?;
        let load = Load::connect(envoy.port())?;
        Ok(Self { variant, envoy, load })
    }

    /// Microseconds per request.
    fn round(&mut self, requests: &[Vec<u8>]) -> Result<f64> {
        let before = self.envoy.process().cpu_time()?;
        for _ in 0..TIMES {
            let answers = self.load.send(requests)?;
            self.check(answers, requests.len())?;
        }
        let spent = self.envoy.process().cpu_time()?.saturating_sub(before);
        let count = u32::try_from(TIMES * requests.len())?;
        Ok(spent.as_secs_f64() * 1e6 / f64::from(count))
    }

    fn check(&self, answers: Answers, sent: usize) -> Result<()> {
        let Answers { canary, stable, unmarked } = answers;
        let right = match self.variant.marks {
            Marks::Nobody => unmarked == sent,
            Marks::Stable => stable == sent,
            Marks::Half => unmarked == 0 && canary * 3 > sent && canary * 3 < sent * 2,
        };
        ensure!(right, "{}: {answers:?} of {sent}", self.variant.key);
        Ok(())
    }
}

/// Measures all variants, in another order each round, and adds their times.
pub(crate) fn measure(
    running: &mut [Running],
    shape: Shape,
    rounds: usize,
    times: &mut Times,
) -> Result<()> {
    let requests = requests(shape);
    // Warm: code compiled, connections and memory in use.
    let mut halves = Vec::new();
    for one in running.iter_mut() {
        for _ in 0..5 {
            one.round(&requests).with_context(|| one.variant.key)?;
        }
        if one.variant.marks == Marks::Half {
            halves.push((one.variant.key, one.load.send(&requests)?));
        }
    }
    // All that hash have the same salt and the same ids, so they agree to the user.
    for (key, answers) in &halves {
        let (first, expected) = halves.first().context("nobody marks")?;
        ensure!(answers == expected, "{key} and {first} differ: {answers:?}, {expected:?}");
    }
    for round in 0..rounds {
        let shift = round % running.len();
        running.rotate_left(shift);
        for one in running.iter_mut() {
            let spent = one.round(&requests).with_context(|| one.variant.key)?;
            times.entry(one.variant.key).or_insert((one.variant.title, Vec::new())).1.push(spent);
        }
        running.rotate_right(shift);
    }
    Ok(())
}
