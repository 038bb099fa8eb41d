//! How the acts of a demo ended.

/// How the acts ended.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Whether act 1 reached 100 %.
    pub reached_full: bool,
    /// The phase in which each act ended; shorter where one before did not end as it should.
    pub phases: Vec<String>,
    /// Begin and end of act 2, in microseconds since 1970.
    pub second_us: (u64, u64),
    /// Why act 2 went back.
    pub evidence: Option<String>,
    /// Seconds into acts 3 and 4 after which the threshold rule would have rolled back.
    pub threshold_after: [Option<u64>; 2],
    /// The broken client's cohort in act 4.
    pub cohort: Option<u8>,
    /// The decision of act 4 that names it.
    pub named: Option<String>,
}

impl Ends {
    /// How each act has to end.
    pub const WANTED: [&str; 4] = ["Succeeded", "RolledBack", "Succeeded", "Succeeded"];

    /// Notes the phase in which the next act ended, and says whether it is the wanted one.
    pub fn note(&mut self, phase: String) -> bool {
        let wanted = Self::WANTED.get(self.phases.len()).is_some_and(|wanted| phase == *wanted);
        self.phases.push(phase);
        wanted
    }
}

/// What the threshold rule and the controller made of an act, for people.
#[must_use]
pub fn side_by_side(after: Option<u64>, phase: &str) -> String {
    let threshold = match after {
        Some(seconds) => format!("would have rolled back after {seconds} s"),
        None => "would not have rolled back".to_owned(),
    };
    format!("threshold rule (success below 99 % in five looks): {threshold}; Serin: {phase}")
}
