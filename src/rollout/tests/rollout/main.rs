//! The course of rollouts: what happens when, as documentation that runs, and what must hold in
//! every history.

#![cfg(test)]

mod abort;
mod alerts;
mod asks;
mod capacity;
mod commands;
mod evidence;
mod faults;
mod harm;
mod history;
mod lost;
mod mirror;
mod outdated;
mod plans;
mod promote;
mod properties;
mod rise;
mod route;
mod skip;
mod stored;
mod swap;
mod tripwire;
mod versions;
mod world;
