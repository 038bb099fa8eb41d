//! What decides before the hash does, and releases that share their users out.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::{Salt, assign};
use serin_tests::documents::Rollout;
use serin_tests::site::Site;
use tokio::time::sleep;

use super::{MARK, marked, unmarked};

/// Every rule stands before the hash, which sends everybody to the canary.
const RULES: &str = "rules.example.com";
const RULES_NAME: &str = "shop/rules";

/// Two rollouts share the users of this host out.
const SHARED: &str = "shared.example.com";
const SHARED_SALT: &str = "shop/shared";
/// The mark of the second one; routes go by the first one's.
const SECOND_MARK: &str = "x-second-variant";
/// The parts of the two, and their weights, in basis points.
const PARTS: [(u16, u16, u16); 2] = [(0, 4_000, 2_000), (4_000, 8_000, 3_000)];
const USERS: u32 = 150;

/// `printf '%s' 'team:ann' | sha256sum | cut -c-32`, and of `team:ben`.
const ANN: &str = "341e32d8f475874806c7951619c431e3";
const BEN: &str = "f540e447ceab0ad7be6cd1b9986b179a";

pub(crate) fn all() -> Vec<Rollout> {
    let employees = json!({"cookie": "employee", "is": "yes"});
    let part = |(from, to, weight): (u16, u16, u16), name: &str, mark: &str| {
        let percent = |points: u16| format!("{}%", points / 100);
        Rollout::new(name, SHARED)
            .weight(&percent(weight))
            .with("salt", json!(SHARED_SALT))
            .with("mark", json!(mark))
            .with("buckets", json!([percent(from), percent(to)]))
    };
    let [first, second] = PARTS;
    vec![
        Rollout::new(RULES_NAME, RULES)
            .weight("100%")
            .with("anonymous", json!("route"))
            .with("testers", json!([{"header": "x-try"}]))
            .with("exclude", exclusions())
            .with("eligible", json!({"any": [{"header": "x-region", "oneOf": ["eu", "us"]}, employees]}))
            .with("users", json!({"salt": "team", "canary": [ANN], "stable": [BEN]}))
            .with(
                "segments",
                json!([
                    {"name": "employees", "when": employees, "variant": "canary"},
                    {"name": "large", "when": {"query": "plan", "is": "large one"}, "variant": "stable"},
                ]),
            ),
        part(first, "shop/first", MARK),
        part(second, "shop/second", SECOND_MARK),
    ]
}

fn exclusions() -> Value {
    json!([{"path": {"prefix": "/health"}}, {"header": "user-agent", "prefix": "kube-probe/"}])
}

/// A request's path and headers, the side that it is marked for, and the reason that is counted.
type Row<'a> = (&'a str, &'a [(&'a str, &'a [u8])], &'a str, &'a str);

pub(crate) async fn before_the_hash(site: &Site) -> Result<()> {
    const EU: (&str, &[u8]) = ("x-region", b"eu");
    let user = |id: &'static str| ("x-user-id", id.as_bytes());
    let canary = ("x-try", b"canary".as_slice());
    let employee = ("cookie", b"a=b; employee=yes".as_slice());
    let rows: &[Row<'_>] = &[
        ("/healthz", &[EU, user("ann"), canary], "stable", "excluded"),
        ("/", &[EU, ("user-agent", b"kube-probe/1.30")], "stable", "excluded"),
        ("/", &[user("ann"), canary], "stable", "ineligible"),
        ("/", &[("x-region", b"eu\xff"), user("ann")], "stable", "ineligible"),
        ("/", &[EU, user("ben"), canary], "canary", "opt-in"),
        ("/", &[EU, user("ann")], "canary", "listed"),
        ("/", &[employee, user("ben")], "stable", "listed"),
        ("/?plan=large%20one", &[employee, user("eve")], "canary", "segment"),
        ("/?plan=large%20one", &[EU, user("eve")], "stable", "segment"),
        ("/?plan=large", &[EU, user("eve")], "canary", "hash"),
    ];
    for (path, headers, side, _) in rows {
        marked(&site.see(RULES, path, headers).await?, side)?;
    }
    unmarked(&site.see(RULES, "/", &[EU]).await?)?;
    for reason in ["excluded", "ineligible", "opt-in", "listed", "segment", "hash"] {
        for side in ["canary", "stable"] {
            let expected = rows.iter().filter(|row| (row.2, row.3) == (side, reason)).count();
            counted(site, RULES_NAME, &[("variant", side), ("reason", reason)], expected).await?;
        }
    }
    Ok(())
}

pub(crate) async fn shared_out(site: &Site) -> Result<()> {
    let salt: Salt = SHARED_SALT.parse()?;
    let mut hashed = [0; 2];
    for user in 0..USERS {
        let id = format!("user-{user}");
        let bucket = assign(&salt, id.as_bytes()).bucket.get();
        let sides =
            PARTS.map(
                |(from, _, weight)| {
                    if (from..from + weight).contains(&bucket) { "canary" } else { "stable" }
                },
            );
        for (count, (from, to, _)) in hashed.iter_mut().zip(PARTS) {
            *count += usize::from((from..to).contains(&bucket));
        }
        let forged = [
            ("x-user-id", id.as_bytes()),
            (SECOND_MARK, b"canary".as_slice()),
            (SECOND_MARK, b"canary"),
        ];
        let shown = site.see(SHARED, "/", &forged).await?;
        marked(&shown, sides[0])?;
        ensure!(shown.values(SECOND_MARK) == [sides[1]], "{id}: {:?}", shown.values(SECOND_MARK));
    }
    ensure!(hashed.iter().all(|count| *count > 0), "{hashed:?}");
    for (name, hashed) in ["shop/first", "shop/second"].into_iter().zip(hashed) {
        counted(site, name, &[("reason", "hash")], hashed).await?;
        let others = usize::try_from(USERS)? - hashed;
        counted(site, name, &[("reason", "other-range")], others).await?;
    }
    // A client's own second mark goes where its rollout is not.
    let shown = site.see(RULES, "/", &[(SECOND_MARK, b"canary")]).await?;
    ensure!(shown.values(SECOND_MARK).is_empty());
    Ok(())
}

/// Waits until so many assignments are counted, which happens once a second.
async fn counted(site: &Site, name: &str, tags: &[(&str, &str)], expected: usize) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(20);
    let labels: Vec<(&str, &str)> = [("rollout", name)].iter().chain(tags).copied().collect();
    let expected = f64::from(u32::try_from(expected)?);
    let begun = Instant::now();
    loop {
        let found = site.envoy()?.admin().sum("serin_assignments", &labels).await?;
        let found = found.unwrap_or_default();
        if (found - expected).abs() < 0.5 {
            return Ok(());
        }
        ensure!(begun.elapsed() < LIMIT, "{labels:?}: {found} counted, not {expected}");
        sleep(Duration::from_millis(100)).await;
    }
}
