//! Proxies that cannot run the filter, with the examples in `nginx/` and `haproxy/`: the same users,
//! weights by a file, and what happens when nobody answers.

mod endpoint_gone;
mod examples;
mod same_side;
mod weights;
