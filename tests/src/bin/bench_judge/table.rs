//! A table of scenarios by rules, printed row by row as it is made.

use std::time::Instant;

use crate::dice::Dice;
use crate::outcome::{Figure, Must};
use crate::pool;
use crate::rules::Rule;
use crate::schedule::Schedule;
use crate::traffic::Traffic;

/// Scenarios, and the rules that they are shown to.
pub(crate) struct Table<const RULES: usize> {
    pub title: &'static str,
    /// Tells its runs' randomness from that of other tables.
    pub number: u32,
    pub columns: [&'static str; RULES],
    /// The column that has to reach what rows ask for.
    pub judged: usize,
    pub rows: Vec<Row<RULES>>,
}

/// A scenario.
pub(crate) struct Row<const RULES: usize> {
    pub name: &'static str,
    pub runs: u32,
    pub figure: Figure,
    /// `None` where it is only shown.
    pub must: Option<Must>,
    pub run: Run<RULES>,
}

/// One run: the minute in which each rule rolls back.
pub(crate) type Run<const RULES: usize> = Box<dyn Fn(&mut Dice) -> [Option<u32>; RULES] + Sync>;

/// Looks until every rule has rolled back or the schedule ends.
pub(crate) fn minutes<const RULES: usize>(
    schedule: Schedule,
    traffic: &mut impl Traffic,
    mut rules: [Box<dyn Rule>; RULES],
    dice: &mut Dice,
) -> [Option<u32>; RULES] {
    let mut minutes = [None; RULES];
    for stretch in schedule.stretches() {
        let interval = traffic.counted(&stretch, dice);
        for (rule, minute) in rules.iter_mut().zip(&mut minutes) {
            if minute.is_none() && rule.look(&stretch, &interval) {
                *minute = Some(stretch.end());
            }
        }
        if minutes.iter().all(Option::is_some) {
            break;
        }
    }
    minutes
}

impl<const RULES: usize> Table<RULES> {
    /// Runs and prints it; gives the names of the rows that are missed.
    pub(crate) fn print(&self) -> Vec<&'static str> {
        let name = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let widths = self.columns.map(|column| column.len().max(7));
        println!("{}\n", self.title);
        print!("{:name$}  {:>6}", "scenario", "runs");
        for (column, width) in self.columns.iter().zip(widths) {
            print!("  {column:>width$}");
        }
        println!("  {:>10}  {:10}  took", "must reach", "verdict");
        let mut missed = Vec::new();
        for (number, row) in (0..).zip(&self.rows) {
            let start = Instant::now();
            let row_number = self.number << 8 | number;
            let outcomes = pool::outcomes(row.name, row.runs, |run| {
                (row.run)(&mut Dice::new(row_number, run))
            });
            print!("{:name$}  {:>6}", row.name, row.runs);
            for (outcomes, width) in outcomes.iter().zip(widths) {
                print!("  {:>width$}", outcomes.show(row.figure));
            }
            let must = row.must.map(|must| must.to_string()).unwrap_or_default();
            let reached = row.must.map(|must| {
                outcomes.get(self.judged).is_some_and(|outcomes| outcomes.reaches(must))
            });
            let verdict = match reached {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "shown only",
            };
            println!("  {must:>10}  {verdict:10}  {:.1} s", start.elapsed().as_secs_f64());
            if reached == Some(false) {
                missed.push(row.name);
            }
        }
        println!();
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_beyond_its_bound_is_named() {
        let row = |name, must, rolled_back: bool| Row {
            name,
            runs: 50,
            figure: Figure::Rate,
            must,
            run: Box::new(move |_: &mut Dice| [None, rolled_back.then_some(3)]),
        };
        let table = Table {
            title: "test",
            number: 0,
            columns: ["other", "judged"],
            judged: 1,
            rows: vec![
                row("fine", Some(Must::Rate(0.01)), false),
                row("too many", Some(Must::Rate(0.01)), true),
                row("in time", Some(Must::Minutes(3, 3)), true),
                row("too late", Some(Must::Minutes(2, 3)), true),
                row("shown", None, true),
            ],
        };
        assert_eq!(table.print(), ["too many", "too late"]);
    }
}
