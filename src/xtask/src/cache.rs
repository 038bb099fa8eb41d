//! The user's cache folder: what was fetched once serves every working copy.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// `$XDG_CACHE_HOME/serin`, or `~/.cache/serin`.
pub(crate) fn folder() -> Result<PathBuf> {
    // An empty or relative value counts as unset: so the base-directory specification says.
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = match base {
        Some(base) => base,
        None => std::env::var_os("HOME")
            .map(|home| PathBuf::from(home).join(".cache"))
            .context("neither HOME nor XDG_CACHE_HOME is set: set one of them")?,
    };
    Ok(base.join("serin"))
}

/// The cached folder of that name, where there is one.
pub(crate) fn get(name: &str) -> Result<Option<PathBuf>> {
    Ok(Some(folder()?.join(name)).filter(|place| place.is_dir()))
}

/// Gives the cached folder of that name, which `fill` makes when it is missing.
///
/// `fill` works in a scratch folder that is renamed only when all went well, so a broken
/// download or a second process never leaves half a folder under the final name.
pub(crate) fn get_or_fill(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = folder()?;
    fs::create_dir_all(&cache)
        .with_context(|| format!("unable to create \"{}\"", cache.display()))?;
    get_or_fill_in(&cache, name, fill)
}

fn get_or_fill_in(
    cache: &Path,
    name: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let place = cache.join(name);
    if place.is_dir() {
        return Ok(place);
    }
    let scratch = cache.join(format!("{name}.{}.part", std::process::id()));
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir(&scratch)
        .with_context(|| format!("unable to create \"{}\"", scratch.display()))?;
    let renamed = fill(&scratch).and_then(|()| {
        fs::rename(&scratch, &place).or_else(|error| {
            // Another process was faster: its folder holds the same.
            if place.is_dir() { fs::remove_dir_all(&scratch) } else { Err(error) }
        })?;
        Ok(())
    });
    if let Err(error) = renamed {
        if let Err(left) = fs::remove_dir_all(&scratch) {
            bail!("{error:#}\n(and \"{}\" is left over: {left})", scratch.display());
        }
        return Err(error);
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch_cache(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("serin-xtask-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_filled_once_is_not_filled_again() {
        let cache = scratch_cache("once");
        let place =
            get_or_fill_in(&cache, "tool-1", |dir| Ok(fs::write(dir.join("a"), "x")?)).unwrap();
        assert_eq!(fs::read_to_string(place.join("a")).unwrap(), "x");
        let again = get_or_fill_in(&cache, "tool-1", |_| panic!("filled twice")).unwrap();
        assert_eq!(again, place);
        fs::remove_dir_all(cache).unwrap();
    }

    #[test]
    fn a_failed_fill_leaves_nothing() {
        let cache = scratch_cache("failed");
        let result = get_or_fill_in(&cache, "tool-1", |dir| {
            fs::write(dir.join("half"), "x")?;
            bail!("the network went away")
        });
        assert!(result.unwrap_err().to_string().contains("network"));
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
        fs::remove_dir_all(cache).unwrap();
    }
}
