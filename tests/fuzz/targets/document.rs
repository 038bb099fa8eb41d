//! See [`serin_fuzz::document`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::document(bytes));
