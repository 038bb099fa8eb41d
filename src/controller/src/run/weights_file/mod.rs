//! A proxy that is configured by a file: its weights are rendered, written as a whole, and taken
//! over by a command.

mod command;
mod look;
mod route;
mod under_way;

pub(super) use look::Look;
pub(super) use route::Route;
