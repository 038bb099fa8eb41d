//! See [`serin_fuzz::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::token(bytes));
