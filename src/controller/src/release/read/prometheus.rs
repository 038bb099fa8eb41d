//! `spec.metrics.prometheus`.

use std::path::Path;

use hyper::header::{HeaderName, HeaderValue};

use super::metrics::{INTERVALS, TIMEOUTS};
use super::{duration_within, from_text};
use crate::prometheus::{Authentication, ClientCertificate, Settings};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec::Prometheus;

pub(super) fn read(
    spec: Prometheus,
    folder: &Path,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Settings> {
    let file = |name: &String| folder.join(name);
    // The value stays out of the fault: it may hold a password.
    let address = match spec.address.parse() {
        Ok(address) => Some(address),
        Err(rule) => {
            faults.value(at.field("address"), "…", rule);
            None
        }
    };
    let scrape_interval =
        spec.scrape_interval.map_or(Some(Settings::DEFAULT_SCRAPE_INTERVAL), |text| {
            duration_within(&text, at.field("scrapeInterval"), INTERVALS, faults)
        });
    let timeout = spec.timeout.map_or(Some(Settings::DEFAULT_TIMEOUT), |text| {
        duration_within(&text, at.field("timeout"), TIMEOUTS, faults)
    });
    let authentication = match (&spec.bearer_token_file, spec.basic_auth) {
        (None, None) => Some(Authentication::None),
        (Some(token), None) => Some(Authentication::BearerTokenFile(file(token))),
        (None, Some(basic)) if basic.username.contains(':') => {
            let rule = "a user's name holds no ':', which separates it from the password";
            faults.value(at.field("basicAuth").field("username"), &basic.username, rule);
            None
        }
        (None, Some(basic)) => Some(Authentication::Basic {
            password_file: file(&basic.password_file),
            username: basic.username,
        }),
        (Some(token), Some(_)) => {
            faults.value(at.field("bearerTokenFile"), token, "either this or basicAuth");
            None
        }
    };
    let client_certificate = match (&spec.client_cert_file, &spec.client_key_file) {
        (None, None) => None,
        (Some(cert), Some(key)) => {
            Some(ClientCertificate { cert_file: file(cert), key_file: file(key) })
        }
        (Some(_), None) => {
            faults.missing(at.field("clientKeyFile"), "clientCertFile needs its key");
            None
        }
        (None, Some(_)) => {
            faults.missing(at.field("clientCertFile"), "clientKeyFile needs its certificate");
            None
        }
    };
    let headers = spec
        .headers
        .iter()
        .filter_map(|(name, value)| header(name, value, &at.field("headers").field(name), faults))
        .collect();
    Some(Settings {
        address: address?,
        scrape_interval: scrape_interval?,
        timeout: timeout?,
        authentication: authentication?,
        ca_file: spec.ca_file.as_ref().map(file),
        client_certificate,
        headers,
    })
}

fn header(
    name: &str,
    value: &str,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<(HeaderName, HeaderValue)> {
    /// What the client writes itself.
    const OWN: [&str; 5] =
        ["authorization", "content-length", "content-type", "host", "transfer-encoding"];
    let name: HeaderName = faults.parse(at.clone(), name, from_text)?;
    if OWN.contains(&name.as_str()) {
        let rule = "a header besides those of the request itself; for `authorization` there are \
                    bearerTokenFile and basicAuth";
        faults.value(at.clone(), name.as_str(), rule);
        return None;
    }
    let Ok(mut value) = HeaderValue::from_str(value) else {
        faults.value(at.clone(), "…", "a header's value is printable text of one line");
        return None;
    };
    value.set_sensitive(true);
    Some((name, value))
}
