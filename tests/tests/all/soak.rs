//! `make soak` at a hundredth of its size.

use anyhow::Result;
use serin_tests::soak::{self, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_and_changes_under_load_fail_nobody() -> Result<()> {
    soak::run(Plan::percent(1), |line| println!("{line}")).await
}
