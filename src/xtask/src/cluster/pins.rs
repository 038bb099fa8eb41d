//! The pins of a part: a `go.mod` and its `go.sum`, which say every module by version and sum.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::build;
use super::part::Part;

/// What is hashed, in this order; the last is there only where a part has a program of its own.
const FILES: [&str; 3] = ["go.mod", "go.sum", "main.go"];

/// The files that pin a part.
pub(super) struct Pins {
    texts: [String; 3],
}

impl Pins {
    /// Reads them from the part's folder.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let [module, sums, main] = FILES.map(|name| folder.join(name));
        let needed = |file: &Path| {
            fs::read_to_string(file)
                .with_context(|| format!("unable to read \"{}\"", file.display()))
        };
        let texts =
            [needed(&module)?, needed(&sums)?, fs::read_to_string(main).unwrap_or_default()];
        Ok(Self { texts })
    }

    /// Names a build: another one wherever a pin, a flag or the machine differs.
    pub(super) fn key(&self, part: &Part) -> String {
        let mut hash = Sha256::new();
        let flags = build::flags(part, self);
        let files = part.files.iter().flat_map(|file| [file.module, file.path, file.name]);
        self.texts
            .iter()
            .map(String::as_str)
            .chain(flags.iter().map(String::as_str))
            .chain(files)
            .chain([std::env::consts::ARCH])
            .for_each(|text| {
                hash.update(text);
                hash.update([0]);
            });
        let hash = hash.finalize();
        let start = hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        format!("{start:016x}")
    }

    /// The oldest Go that may build it, as `1.26.0`.
    pub(super) fn go(&self) -> Option<&str> {
        let [module, ..] = &self.texts;
        module.lines().find_map(|line| line.strip_prefix("go ")).map(str::trim)
    }

    /// The version at which a module is pinned, as `v1.34.3`.
    pub(super) fn version(&self, of: &str) -> Option<&str> {
        let [module, ..] = &self.texts;
        module.lines().find_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("require ").unwrap_or(line);
            let mut words = line.split_whitespace();
            (words.next() == Some(of)).then(|| words.next()).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::part::PARTS;
    use super::*;

    const MODULE: &str = "module a\n\ngo 1.26.0\n\nrequire b.c/d v1.2.3\n\nrequire (\n\tk8s.io/kubernetes v1.34.3 // indirect\n)\n";

    fn pins(module: &str) -> Pins {
        Pins { texts: [module.to_owned(), String::new(), String::new()] }
    }

    #[test]
    fn versions_are_read_from_the_pins() {
        let pins = pins(MODULE);
        assert_eq!(pins.go(), Some("1.26.0"));
        assert_eq!(pins.version("k8s.io/kubernetes"), Some("v1.34.3"));
        assert_eq!(pins.version("b.c/d"), Some("v1.2.3"));
        assert_eq!(pins.version("b.c/e"), None);
    }

    #[test]
    fn another_pin_or_part_is_another_key() {
        let [first, second, ..] = &PARTS;
        let key = pins(MODULE).key(first);
        assert_eq!(key.len(), 16);
        assert_eq!(key, pins(MODULE).key(first));
        assert_ne!(key, pins(&MODULE.replace("1.2.3", "1.2.4")).key(first));
        assert_ne!(key, pins(MODULE).key(second));
    }
}
