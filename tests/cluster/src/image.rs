//! Names of images: here they say what the version in them is like.
//!
//! `shop:1.1` does what it should. What stands behind dashes is how it fails: `shop:1.1-fails20`
//! fails 20 % of its requests, evenly spread, `-noise2` each with a chance of 2 % (`-seed7` is other
//! noise), `-slow50` takes 50 ms for each, and `-stuck` never gets ready. They fail with 500: a 503 would be tried again by
//! Istio's own retries.

use anyhow::{Context as _, Result, bail, ensure};
use serin_tests::webapp::Behaviour;

/// What never gets ready has this in its name.
pub(crate) const STUCK: &str = "-stuck";

/// How a version behaves, by its image.
///
/// # Errors
/// Where the name says what nobody knows.
pub fn behaviour(image: &str) -> Result<Behaviour> {
    let (_, tag) = image.rsplit_once(':').with_context(|| format!("{image} has no tag"))?;
    let mut behaviour = Behaviour::healthy(tag);
    for word in tag.split('-').skip(1) {
        let digits = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
        let (what, number) = word.split_at(digits);
        let number = || number.parse::<u32>().with_context(|| format!("{image}: {word}"));
        let share = || -> Result<f64> {
            let percent = number()?;
            ensure!(percent <= 100, "{image}: {word} is over 100 %");
            Ok(f64::from(percent) / 100.0)
        };
        match what {
            "fails" => behaviour.error_rate = share()?,
            "noise" => behaviour.noise = share()?,
            "seed" => behaviour.seed = number()?,
            "slow" => behaviour.latency_ms = number()?.into(),
            "stuck" => {}
            _ => bail!("{image}: nobody knows what \"{word}\" is"),
        }
    }
    Ok(behaviour)
}

#[cfg(test)]
mod tests {
    use super::behaviour;
    use serin_tests::webapp::Behaviour;

    #[test]
    fn the_tag_says_how_a_version_fails() {
        assert_eq!(behaviour("shop:1.0").unwrap(), Behaviour::healthy("1.0"));
        let bad = behaviour("shop:1.1-fails20-slow50").unwrap();
        assert_eq!(bad.version, "1.1-fails20-slow50");
        assert_eq!((bad.error_rate, bad.latency_ms), (0.2, 50));
        for wrong in ["shop", "shop:1.1-fails", "shop:1.1-fails101", "shop:1.1-odd"] {
            assert!(behaviour(wrong).is_err(), "{wrong}");
        }
    }
}
