//! What the figures have to reach, and whether they do.

use serde::Serialize;

/// All goals of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Goals(Vec<Goal>);

#[derive(Debug, Serialize)]
struct Goal {
    what: String,
    figure: f64,
    limit: f64,
    /// Whether the figure may be as high as the limit, or must be as high.
    at_least: bool,
    reached: bool,
}

impl Goals {
    /// The figure must not be above the limit.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, limit: f64) {
        self.0.push(Goal {
            what: what.to_owned(),
            figure,
            limit,
            at_least: false,
            reached: figure <= limit,
        });
    }

    /// The figure must not be below the limit.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, limit: f64) {
        self.0.push(Goal {
            what: what.to_owned(),
            figure,
            limit,
            at_least: true,
            reached: figure >= limit,
        });
    }

    /// Prints each with its verdict, and gives the number of those that are missed.
    pub(crate) fn print(&self) -> usize {
        println!();
        for Goal { what, figure, limit, at_least, reached } in &self.0 {
            let verdict = if *reached { "reached" } else { "MISSED" };
            let sign = if *at_least { ">=" } else { "<=" };
            println!("{verdict:>7}  {what}: {figure:.1} {sign} {limit}");
        }
        self.0.iter().filter(|goal| !goal.reached).count()
    }
}

#[cfg(test)]
mod tests {
    use super::Goals;

    #[test]
    fn a_goal_is_reached_at_its_limit_and_no_number_reaches_none() {
        let mut goals = Goals::default();
        goals.at_most("a", 2.0, 2.0);
        goals.at_least("b", 2.0, 2.0);
        assert_eq!(goals.print(), 0);
        goals.at_most("c", 2.1, 2.0);
        goals.at_least("d", f64::NAN, 2.0);
        goals.at_most("e", f64::NAN, 2.0);
        assert_eq!(goals.print(), 3);
    }
}
