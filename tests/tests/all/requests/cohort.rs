//! The user's cohort reaches the application, and nobody else's.

use anyhow::{Result, ensure};
use serin_assignment::{Cohort, Salt, assign};
use serin_tests::site::Site;
use serin_tests::webapp::Shown;

use super::rollouts::{COHORT, COHORT_HEADER, COHORT_SALT, FULL, ROUTE};

/// So many users fill every cohort.
const USERS: u32 = 200;

pub(crate) async fn handed_over(site: &Site) -> Result<()> {
    let salt: Salt = COHORT_SALT.parse()?;
    let mut seen = std::collections::BTreeSet::new();
    for user in 0..USERS {
        let id = format!("user-{user}");
        let cohort = assign(&salt, id.as_bytes()).cohort.to_string();
        let shown = site.see(COHORT, "/", &[("x-user-id", id.as_bytes())]).await?;
        arrives(&shown, &[&cohort])?;
        // Whatever the client says.
        let forged = [("x-user-id", id.as_bytes()), (COHORT_HEADER, b"0".as_slice())];
        arrives(&site.see(COHORT, "/", &forged).await?, &[&cohort])?;
        seen.insert(cohort);
    }
    ensure!(seen.len() == usize::from(Cohort::COUNT), "cohorts seen: {seen:?}");
    Ok(())
}

/// A client's own cohort arrives nowhere: not where there is no user, nor at another rollout, nor
/// where there is none.
pub(crate) async fn forged(site: &Site) -> Result<()> {
    let user = ("x-user-id", b"u".as_slice());
    for cohort in [b"7".as_slice(), b"", b"\xff"] {
        let forged = (COHORT_HEADER, cohort);
        let capital = ("X-Serin-Cohort", cohort);
        for header in [forged, capital] {
            let tester = ("x-try", b"canary".as_slice());
            for (host, headers) in [
                (COHORT, &[header][..]),
                (COHORT, &[header, header]),
                (COHORT, &[header, user, tester]),
                (FULL, &[header, user]),
                (ROUTE, &[header]),
                ("unknown.example.com", &[header, user, header]),
            ] {
                arrives(&site.see(host, "/", headers).await?, &[])?;
            }
        }
    }
    Ok(())
}

fn arrives(shown: &Shown, cohorts: &[&str]) -> Result<()> {
    let arrived = shown.values(COHORT_HEADER);
    ensure!(arrived == cohorts, "{arrived:?} arrived, not {cohorts:?}");
    Ok(())
}
