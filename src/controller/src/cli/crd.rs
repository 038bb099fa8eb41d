//! `serin crd`

use super::{Exit, Failure, print};
use crate::crd;

pub(super) fn run() -> Result<Exit, Failure> {
    print(&crd::yaml().map_err(anyhow::Error::new)?)?;
    Ok(Exit::Ok)
}
