//! OCI images of the controller and of the filter, without a daemon: `target/images/NAME`, a
//! layout in the form of the OCI image specification, and a tar of it beside it.
//!
//! The same sources give the same digests: sorted entries, fixed times and owners, paths of this
//! machine left out, and authorities from a pinned list in place of this machine's.

mod authorities;
mod controller;
mod filter;
mod image;
mod layer;
mod layout;

use std::fs;

use anyhow::Result;

use crate::repository::Repository;
use crate::wasm;

/// The version of all members of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds what the images hold, and writes them.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    wasm::run(repository)?;
    let folder = repository.target("images");
    fs::create_dir_all(&folder)?;
    let images = [
        ("controller", controller::image(repository)?),
        ("filter", filter::image(&repository.target("serin.wasm"))?),
        ("filter-tripwire", filter::image(&repository.target("serin-tripwire.wasm"))?),
    ];
    for (name, image) in images {
        let written = layout::write(&folder, name, &image)?;
        let size = written.size.div_ceil(1000);
        println!("images: target/images/{name}, {size} kB, {}", written.digest);
    }
    Ok(())
}
