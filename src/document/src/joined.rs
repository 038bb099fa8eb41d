//! Texts put together, by one small function: joining a list is made anew for each kind of text.

use alloc::string::String;

/// A text made of parts, with something between each two.
#[derive(Debug)]
pub struct Joined {
    text: String,
    between: &'static str,
    begun: bool,
}

impl Joined {
    /// No part yet.
    #[must_use]
    pub const fn by(between: &'static str) -> Self {
        Self { text: String::new(), between, begun: false }
    }

    /// Adds a part.
    #[inline(never)]
    pub fn add(&mut self, part: &str) {
        if self.begun {
            self.text.push_str(self.between);
        }
        self.text.push_str(part);
        self.begun = true;
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

impl<T: AsRef<str>> Extend<T> for Joined {
    fn extend<I: IntoIterator<Item = T>>(&mut self, parts: I) {
        for part in parts {
            self.add(part.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_stands_between_each_two() {
        for (parts, text) in
            [(&[][..], ""), (&["a"], "a"), (&["a", "b", "c"], "a, b, c"), (&["", ""], ", ")]
        {
            let mut joined = Joined::by(", ");
            joined.extend(parts);
            assert_eq!(joined.into_text(), text);
        }
    }
}
