//! The page for people: a few files, embedded in the program, that nothing from elsewhere is needed
//! for.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::assignment::is_known;
use super::error::ApiError;

/// A file of the page.
struct File {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($name:literal: $kind:expr),* $(,)?) => {
        [$(File { name: $name, kind: $kind, text: include_str!($name) }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All files but the page itself.
static FILES: [File; 12] = files! {
    "access.js": SCRIPT,
    "actions.js": SCRIPT,
    "charts.js": SCRIPT,
    "curves.js": SCRIPT,
    "dom.js": SCRIPT,
    "icon.svg": "image/svg+xml",
    "list.js": SCRIPT,
    "live.js": SCRIPT,
    "main.js": SCRIPT,
    "page.css": "text/css; charset=utf-8",
    "release.js": SCRIPT,
    "words.js": SCRIPT,
};

static PAGE: File = File { name: "page.html", kind: HTML, text: include_str!("page.html") };

/// Nothing but what comes from here is loaded, asked or run, and no other page can hold this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// Names the content of all files: those of one version belong together.
static ETAG: LazyLock<String> = LazyLock::new(|| {
    let files = core::iter::once(&PAGE).chain(&FILES);
    let whole: String = files.map(|file| file.text).collect();
    let hash = murmur3::murmur3_x64_128(&mut whole.as_bytes(), 0).unwrap_or_default();
    format!("\"{hash:032x}\"")
});

/// `GET /`: the page for browsers, the paths for programs.
pub(super) async fn root(headers: HeaderMap) -> Response {
    let mut response = if accepts_html(&headers) {
        served(&PAGE, &headers)
    } else {
        let paths = [
            "/v1/assignment",
            "/v1/decide/forwarded",
            "/v1/decide/original",
            "/v1/releases",
            "/metrics",
            "/healthz",
            "/readyz",
        ];
        Json(json!({ "paths": paths })).into_response()
    };
    let varies = header::HeaderValue::from_static("accept");
    response.headers_mut().insert(header::VARY, varies);
    response
}

/// `GET /page/{file}`
pub(super) async fn file(
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(name) = path?;
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| ApiError::not_found("the page has no such file".to_owned()))?;
    Ok(served(file, &headers))
}

fn served(file: &File, headers: &HeaderMap) -> Response {
    let about: [(HeaderName, &str); 7] = [
        (header::ETAG, &ETAG),
        // Asked about each time, so that a page never runs with the files of another version.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    if is_known(headers, &ETAG) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, file.kind)], file.text).into_response()
}

/// Whether whoever asks names HTML among what they take, as browsers do and programs do not.
fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT);
    accepted.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |range| {
            let mut parts = range.split(';').map(str::trim);
            let html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
            html && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(accept: &'static str) -> HeaderMap {
        [(header::ACCEPT, header::HeaderValue::from_static(accept))].into_iter().collect()
    }

    #[test]
    fn browsers_get_the_page_and_programs_do_not() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(accepts_html(&accepting(browser)));
        for program in ["*/*", "application/json", "text/html;q=0, */*", "text/plain"] {
            assert!(!accepts_html(&accepting(program)), "{program}");
        }
        assert!(!accepts_html(&HeaderMap::new()));
    }

    #[test]
    fn nothing_is_loaded_that_is_not_a_file_of_the_page() {
        for file in core::iter::once(&PAGE).chain(&FILES) {
            let text = file.text.replace("http://www.w3.org/", "");
            assert!(!text.contains("://"), "{} names an address", file.name);
            assert!(!text.contains("innerHTML"), "{} writes HTML", file.name);
            let loaded = text.split("\"/page/").skip(1).filter_map(|rest| rest.split('"').next());
            let imported =
                text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
            for name in loaded.chain(imported) {
                assert!(FILES.iter().any(|file| file.name == name), "{}: {name}", file.name);
            }
        }
    }
}
