//! The requests that are sent.

use serde::Serialize;

/// What a request looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// Ten headers.
    Ten,
    /// Thirty headers, with a cookie of 2 KB that has the id at its end.
    Thirty,
}

impl Shape {
    pub(crate) const ALL: [Self; 2] = [Self::Ten, Self::Thirty];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ten => "10 headers",
            Self::Thirty => "30 headers, 2 KB cookie",
        }
    }

    /// A request of the user with this number. Its id stands in a header and in a cookie: filters
    /// that know headers only have it as well.
    pub(crate) fn request(self, user: usize) -> Vec<u8> {
        let id = format!("user-{user:05}");
        let mut headers = vec![
            ("host".to_owned(), "shop.example.com".to_owned()),
            ("user-agent".to_owned(), "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".to_owned()),
            ("accept".to_owned(), "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8".to_owned()),
            ("accept-language".to_owned(), "en-US,en;q=0.5".to_owned()),
            ("accept-encoding".to_owned(), "gzip, deflate, br".to_owned()),
            ("referer".to_owned(), "https://shop.example.com/basket".to_owned()),
            ("cache-control".to_owned(), "no-cache".to_owned()),
            ("x-user-id".to_owned(), id.clone()),
            (
                "traceparent".to_owned(),
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            ),
        ];
        let mut cookie = "theme=dark; lang=en".to_owned();
        if self == Self::Thirty {
            for number in 0..20 {
                headers
                    .push((format!("x-shop-context-{number:02}"), format!("value-{number:024}")));
            }
            let one = |number| format!("; shop_pref_{number:02}=0123456789abcdef0123456789abcdef");
            cookie.extend((0..42).map(one));
        }
        headers.push(("cookie".to_owned(), format!("{cookie}; uid={id}")));
        let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let lines: String = lines.collect();
        format!("GET /checkout/42?step=2 HTTP/1.1\r\n{lines}\r\n").into_bytes()
    }
}
