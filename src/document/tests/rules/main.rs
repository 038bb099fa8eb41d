//! The rules of the document, each by its public face.
#![cfg(test)]

mod before_the_hash;
mod compile;
mod conditions;
mod decide;
mod hostile;
mod identity;
mod lookup;
mod oracle;
mod parse;
mod plugin;
mod requests;
mod round_trip;
mod sharing;
mod support;
mod testers;
mod tokens;
