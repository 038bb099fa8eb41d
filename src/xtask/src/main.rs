//! Set-up, module build and repository checks behind the Makefile: `cargo xtask <step>`.

mod apt;
mod binaryen;
mod browser;
mod cache;
mod cluster;
mod controller;
mod deny;
mod envoy;
mod flags;
mod fuzz;
mod images;
mod layers;
mod lint;
mod pip;
mod process;
mod prometheus;
mod proxies;
mod releases;
mod repository;
mod setup;
mod toolchain;
mod valgrind;
mod wasm;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::repository::Repository;

const USAGE: &str = "\
Usage: cargo xtask <step>

  setup       fetch Envoy, Prometheus, Valgrind, wasm-opt and the Wasm standard library; write target/setup.json
  releases    fetch the Envoy releases of the last year; write target/releases.json
  browser     fetch Chromium and axe-core for the tests of the page; write target/browser.json
  controller  build the controller to target/release/serin
  proxies     fetch NGINX and HAProxy; write target/proxies.json
  cluster     build Kubernetes, Istio, Traefik and ingress-nginx's admission for `make test-cluster`; write target/cluster.json
  flagger     build Flagger for `make bench-controller`; write target/flagger.json
  gitops      build Argo CD's and Flux's controllers for `make test-gitops`; write target/gitops.json
  wasm        build the filter to target/serin.wasm, with tripwires to target/serin-tripwire.wasm
  images      write OCI images of the controller and of the filter to target/images
  modules     build what the filter's cost is compared with to target/modules
  fuzz        run the fuzz targets; `cargo xtask fuzz --help`
  layers      check that dependencies point down only
  lint        formatting, clippy, layers, licences and sources
  advisories  check the dependencies against the advisory database (needs the network)
  cache       print the folder that holds what was fetched";

fn main() -> ExitCode {
    let steps: Vec<String> = std::env::args().skip(1).collect();
    match run(&steps) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(steps: &[String]) -> Result<()> {
    let repository = Repository::find()?;
    match steps.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["setup"] => setup::run(&repository).map(drop),
        ["releases"] => releases::run(&repository),
        ["browser"] => browser::run(&repository),
        ["controller"] => controller::run(&repository).map(drop),
        ["proxies"] => proxies::run(&repository),
        ["cluster"] => cluster::run(&repository),
        ["flagger"] => cluster::flagger(&repository),
        ["gitops"] => cluster::gitops(&repository),
        ["wasm"] => wasm::run(&repository),
        ["images"] => images::run(&repository),
        ["modules"] => wasm::modules(&repository),
        ["fuzz", args @ ..] => fuzz::run(&repository, args),
        ["layers"] => layers::run(&repository),
        ["lint"] => lint::run(&repository),
        ["advisories"] => deny::advisories(&repository),
        ["cache"] => {
            println!("{}", cache::folder()?.display());
            Ok(())
        }
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown step \"{}\"\n\n{USAGE}", steps.join(" ")),
    }
}
