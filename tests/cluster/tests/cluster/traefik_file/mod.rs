//! The real Traefik on the example in `traefik/`, without any cluster: it is built from Go modules
//! as the cluster's parts are.

mod judged;
mod side;
mod site;
