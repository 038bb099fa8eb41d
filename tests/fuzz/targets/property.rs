//! See [`serin_fuzz::property`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::property(bytes));
