//! The rules of the document, each by its public face.
#![cfg(test)]

mod compile;
mod decide;
mod hostile;
mod lookup;
mod parse;
mod plugin;
mod requests;
mod round_trip;
mod sharing;
mod support;
mod tokens;
