//! Whom the controller trusts where a release names no `caFile`: Mozilla's list at the version in
//! `Cargo.lock`. This machine's own would make another image on every machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// As the certificates of a PEM file are broken into lines.
const LINE: usize = 64;

/// The list in PEM form.
pub(super) fn bundle() -> String {
    TLS_SERVER_ROOT_CERTS.iter().map(|certificate| pem(certificate)).collect()
}

fn pem(certificate: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = STANDARD.encode(certificate);
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(LINE));
        text.push_str(&rest);
        text.push('\n');
        rest = after;
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_and_all_is_there() {
        let text = bundle();
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), TLS_SERVER_ROOT_CERTS.len());
        assert!(TLS_SERVER_ROOT_CERTS.len() > 50);
        assert!(text.lines().all(|line| line.len() <= LINE));
        assert!(pem(&[0; 48]).ends_with("AAAA\n-----END CERTIFICATE-----\n"));
    }
}
