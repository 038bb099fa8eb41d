//! Whether a proxy sends a user to the side that the hash says, whatever the user claims.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serin_assignment::{Salt, Variant, Weight, assign};

use crate::http::{self, Connection};
use crate::webapp::NAME_HEADER;

/// Longer than any answer takes that is still one.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks as this user. A mark of the client's own, always the other one, must change nothing.
///
/// # Errors
/// Where the other side answers, or none does.
pub async fn goes_by_the_hash(
    connection: &mut Connection,
    host: &str,
    user: &str,
    (salt, weight): (&Salt, Weight),
) -> Result<()> {
    let expected = assign(salt, user.as_bytes()).variant(weight);
    let forged = match expected {
        Variant::Canary => "stable",
        Variant::Stable => "canary",
    };
    let headers = [("host", host), ("x-user-id", user), ("x-serin-variant", forged)];
    let request = http::request(Method::GET, "/cart?step=2", &headers, "")?;
    let answer = connection.send(request, LIMIT).await?;
    let served = answer.header(NAME_HEADER).with_context(|| format!("{user}: {answer:?}"))?;
    ensure!(served.parse::<Variant>()? == expected, "{user}: {served}, not {expected:?}");
    Ok(())
}
