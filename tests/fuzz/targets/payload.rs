//! See [`serin_fuzz::payload`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::payload(bytes));
