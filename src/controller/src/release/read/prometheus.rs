//! `spec.metrics.prometheus`.

use hyper::header::{HeaderName, HeaderValue};

use super::metrics::{INTERVALS, TIMEOUTS};
use super::{Origin, duration_within, files, from_text};
use crate::prometheus::{Authentication, ClientCertificate, Settings};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec::Prometheus;

pub(super) fn read(
    spec: &Prometheus,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Settings> {
    // The value stays out of the fault: it may hold a password.
    let address = match spec.address.parse() {
        Ok(address) => Some(address),
        Err(rule) => {
            faults.value(at.field("address"), "…", rule);
            None
        }
    };
    let scrape_interval =
        spec.scrape_interval.as_ref().map_or(Some(Settings::DEFAULT_SCRAPE_INTERVAL), |text| {
            duration_within(text, at.field("scrapeInterval"), INTERVALS, faults)
        });
    let timeout = spec.timeout.as_ref().map_or(Some(Settings::DEFAULT_TIMEOUT), |text| {
        duration_within(text, at.field("timeout"), TIMEOUTS, faults)
    });
    let authentication = authentication(spec, origin, at, faults);
    let client_certificate = client_certificate(spec, origin, at, faults);
    let ca_file = match &spec.ca_file {
        None => Some(None),
        Some(name) => files::file(name, origin, at.field("caFile"), faults).map(Some),
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
        ca_file: ca_file?,
        client_certificate: client_certificate?,
        headers,
    })
}

fn authentication(
    spec: &Prometheus,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Authentication> {
    match (&spec.bearer_token_file, &spec.basic_auth) {
        (None, None) => Some(Authentication::None),
        (Some(token), None) => files::file(token, origin, at.field("bearerTokenFile"), faults)
            .map(Authentication::BearerTokenFile),
        (None, Some(basic)) => {
            let at = at.field("basicAuth");
            if basic.username.contains(':') {
                let rule = "a user's name holds no ':', which separates it from the password";
                faults.value(at.field("username"), &basic.username, rule);
                return None;
            }
            let password =
                files::file(&basic.password_file, origin, at.field("passwordFile"), faults);
            Some(Authentication::Basic {
                password_file: password?,
                username: basic.username.clone(),
            })
        }
        (Some(token), Some(_)) => {
            faults.value(at.field("bearerTokenFile"), token, "either this or basicAuth");
            None
        }
    }
}

/// The outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault and an absent certificate are two things")]
fn client_certificate(
    spec: &Prometheus,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Option<ClientCertificate>> {
    let (at_cert, at_key) = (at.field("clientCertFile"), at.field("clientKeyFile"));
    match (&spec.client_cert_file, &spec.client_key_file) {
        (None, None) => Some(None),
        (Some(cert), Some(key)) => {
            let cert_file = files::file(cert, origin, at_cert, faults);
            let key_file = files::file(key, origin, at_key, faults);
            Some(Some(ClientCertificate { cert_file: cert_file?, key_file: key_file? }))
        }
        (Some(_), None) => {
            faults.missing(at_key, "clientCertFile needs its key");
            None
        }
        (None, Some(_)) => {
            faults.missing(at_cert, "clientKeyFile needs its certificate");
            None
        }
    }
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
