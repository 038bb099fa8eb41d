//! See [`serin_fuzz::baggage`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| serin_fuzz::baggage(bytes));
