//! `kubectl serin get --watch`, as a user has it open beside.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, stdout};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serin_cluster::released::Released;
use serin_tests::artifacts;
use tokio::process::{Child, Command};

/// What is shown. The program ends with it.
pub(crate) struct View {
    start: Instant,
    in_place: bool,
    watch: Child,
    notes: String,
}

impl View {
    /// Opens it: redrawn in place on a terminal, else tree by tree.
    pub(crate) fn open(released: &Released) -> Result<Self> {
        let namespace = &released.shop.namespace;
        let watch = Command::new(artifacts::serin()?)
            .args(["kube", "get", "--watch", "--namespace", namespace.name()])
            .env("KUBECONFIG", namespace.kubectl().kubeconfig())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting `kubectl serin get --watch`")?;
        let in_place = stdout().is_terminal();
        Ok(Self { start: Instant::now(), in_place, watch, notes: String::new() })
    }

    /// Tells what the demo itself does. On a terminal the view is drawn over it, so that it is told
    /// again at the end.
    pub(crate) fn note(&mut self, text: &str) {
        let seconds = self.start.elapsed().as_secs();
        let line = format!("{}:{:02} {text}", seconds / 60, seconds % 60);
        println!("\n{line}\n");
        // Writing into a text never fails.
        let _ = writeln!(self.notes, "{line}");
    }

    /// Closes it and gives the notes, where they have been drawn over.
    pub(crate) fn close(mut self) -> String {
        // It may have ended by itself, and is waited for when it is dropped.
        let _ = self.watch.start_kill();
        if self.in_place { self.notes } else { String::new() }
    }
}
