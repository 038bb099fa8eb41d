//! See [`serin_fuzz::headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::headers(bytes));
