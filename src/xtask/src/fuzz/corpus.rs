//! The corpus in the repository: a file a target, an input a line, so that changes can be read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Inputs longer than that stay in the cache.
const MAX_LEN: usize = 4096;

/// The inputs of a file.
pub(super) fn read(file: &Path) -> Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("unable to read \"{}\"", file.display()))?;
    let inputs = text.lines().enumerate().map(|(number, line)| {
        unescape(line).with_context(|| format!("{}:{}: no input", file.display(), number + 1))
    });
    inputs.collect()
}

/// Writes inputs, the short ones first.
pub(super) fn write(file: &Path, mut inputs: Vec<Vec<u8>>) -> Result<usize> {
    inputs.retain(|input| input.len() <= MAX_LEN);
    inputs.sort_by_key(|input| (input.len(), input.clone()));
    inputs.dedup();
    let lines: Vec<String> = inputs.iter().map(|input| input.escape_ascii().to_string()).collect();
    fs::write(file, lines.join("\n") + "\n")
        .with_context(|| format!("unable to write \"{}\"", file.display()))?;
    Ok(inputs.len())
}

/// Takes back what `escape_ascii` does.
fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                plain => plain,
            },
            plain => plain,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(unescape(&all.escape_ascii().to_string()), Some(all));
        for bad in ["\\", "\\x", "\\x1", "\\xg0"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }
}
