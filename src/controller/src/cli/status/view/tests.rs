use anstream::adapter::strip_str;

use super::*;
use crate::status::example as status;

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

#[test]
fn a_release_is_shown_with_all_that_a_person_asks_for() {
    let bar = format!("{}{}", "█".repeat(10), "░".repeat(30));
    let expected = format!(
        "demo/shop  version v2  Progressing  step 2 of 5
weight    {bar} 25%  seen 24.8 %
proof     revision 12, published 2026-11-23T19:00:00Z, live at all 2 proxies
baked     42s of 10m, 312 requests to the canary
gate      pass errors: canary 0.1 % of 1,234 requests
          detects a 3.1-fold error rate by now, with 90 %
now       holding 25%
2026-11-23T19:00:00Z     25%  rising from 5% to 25%
"
    );
    assert_eq!(plain(&whole(&status()).unwrap()), expected);
}

#[test]
fn proxies_that_have_tripped_are_told() {
    let mut tripped = status();
    for (proxies, told) in [
        (None, None),
        (Some(0), None),
        (Some(1), Some("tripped   1 proxy, where everyone is on stable")),
        (Some(2), Some("tripped   2 proxies, where everyone is on stable")),
    ] {
        tripped.proxies.tripped = proxies;
        let shown = plain(&whole(&tripped).unwrap());
        assert_eq!(shown.lines().find(|line| line.starts_with("tripped")), told);
    }
}

#[test]
fn a_release_of_unknown_state_is_not_shown_as_if_it_were_known() {
    let mut unknown = status();
    unknown.phase = None;
    let shown = plain(&whole(&unknown).unwrap());
    assert!(shown.contains("Unknown") && !shown.contains("25%  seen"), "{shown}");
}

#[test]
fn any_weight_above_none_shows_in_the_bar() {
    let mut small = status();
    for (weight, full) in [("0%", 0), ("0.01%", 1), ("2.5%", 1), ("99.99%", 40), ("100%", 40)] {
        small.weight = weight.parse().unwrap();
        assert_eq!(plain(&bar(&small)).matches('█').count(), full, "{weight}");
    }
}

#[test]
fn a_line_and_a_table_say_where_each_release_is() {
    let mut frozen = status();
    frozen.frozen = true;
    assert!(
        plain(&line(&frozen)).contains("demo/shop Progressing (frozen) step 2/5 25% [pass errors]")
    );
    let mut other = status();
    other.name = "a-longer-name".to_owned();
    let table = plain(&table(&[status(), other]));
    let columns: Vec<_> = table.lines().map(|row| row.find("Progressing").unwrap()).collect();
    assert_eq!(columns[0], columns[1], "{table}");
}
