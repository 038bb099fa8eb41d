use super::*;

/// A canary at 5 %, then 50 %, that loses 3 % of what it should have; it is known ever better.
fn looks(number: u32) -> Vec<Look> {
    (1..=number)
        .map(|look| {
            let t = f64::from(look) / f64::from(number);
            let half = 0.2 / (1.0 + 20.0 * t);
            let shown =
                Shown { ratio: 0.97, low: 0.97 - half, high: 0.97 + half, log_e: 7.0 * t - 1.0 };
            Look {
                at_ms: u64::from(look) * 60_000,
                weight: if t < 0.5 { 0.05 } else { 0.5 },
                gates: vec![Some(shown), None],
            }
        })
        .collect()
}

fn gates() -> Vec<Gate> {
    let gate = |name: &str, margin| Gate { name: name.to_owned(), margin, log_limit: 100_f64.ln() };
    vec![gate("engagement", 1.0), gate("errors", 1.1)]
}

fn plain(text: &str) -> Vec<String> {
    anstream::adapter::strip_str(text).to_string().lines().map(str::to_owned).collect()
}

#[test]
fn a_picture_is_as_wide_as_the_terminal() {
    for (number, width) in [(500, 60), (500, 200), (7, 60), (500, 1)] {
        let lines = plain(&draw(&looks(number), &gates(), width).unwrap());
        let charts = lines.iter().filter(|line| line.contains('│'));
        let widest = charts.map(|line| line.chars().count()).max().unwrap();
        let room = width.max(LABEL + FEWEST_COLUMNS).min(LABEL + number as usize);
        assert_eq!(widest, room, "{number} looks, {width} wide");
    }
}

#[test]
fn the_picture_shows_weight_ratio_and_evidence() {
    let lines = plain(&draw(&looks(20), &gates(), 29).unwrap());
    let expected = [
        "weight",
        "   100% │",
        "        │",
        "        │         ███████████",
        "     0% │▁▁▁▁▁▁▁▁▁███████████",
        "engagement: canary/stable with its confidence band; ┄ what is allowed",
        "  1.062 │░",
        "        │░",
        "  1.031 │░░",
        "        │░░░░",
        "  1.000 │░░░░░░░┄┄┄┄┄┄┄┄┄┄┄┄┄",
        "        │░░░░░░░░░░░░░░░░░░░░",
        "  0.970 │●●●●●●●●●●●●●●●●●●●●",
        "        │░░░░░░░░░░░░░░░░░░░░",
        "  0.941 │░░░░░░░░",
        "engagement: evidence of harm, up to the 100 that rolls back by itself",
        "    100 │             ▃▅▇████",
        "     32 │         ▁▃▆████████",
        "     10 │      ▂▄▆███████████",
        "      3 │  ▁▂▅▇██████████████",
        // Nothing is known of it: what is allowed stands alone.
        "errors: canary/stable with its confidence band; ┄ what is allowed",
        "  1.100 │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄",
        "        │",
        "  1.049 │",
        "        │",
        "  1.000 │",
        "        │",
        "  0.953 │",
        "        │",
        "  0.909 │",
        "errors: evidence of harm, up to the 100 that rolls back by itself",
        "    100 │",
        "     32 │",
        "     10 │",
        "      3 │",
        "         0               +19m",
    ];
    assert_eq!(lines, expected, "\n{}", lines.join("\n"));
}

#[test]
fn nothing_seen_is_nothing_drawn() {
    assert_eq!(draw(&[], &gates(), 80).unwrap(), "");
}
