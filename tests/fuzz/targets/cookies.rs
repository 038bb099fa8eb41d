//! See [`serin_fuzz::cookies`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::cookies(bytes));
