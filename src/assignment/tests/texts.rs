//! Weights, salts and variants as text.
#![cfg(test)]

use serin_assignment::{InvalidSalt, Salt, Variant, Weight};

#[test]
fn every_weight_reads_and_prints_the_same() {
    for points in 0..=10_000_u16 {
        let weight = Weight::from_basis_points(points).unwrap();
        let text = weight.to_string();
        assert_eq!(text.parse(), Ok(weight), "{text}");
        assert_eq!(weight.basis_points(), points);
        let json = serde_json::to_string(&weight).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Weight>(&json).unwrap(), weight);
    }
    assert_eq!(Weight::from_basis_points(10_001), None);
    assert_eq!(Weight::from_basis_points(u16::MAX), None);
}

#[test]
fn a_weight_prints_as_short_as_it_can() {
    for (points, text) in [
        (0, "0%"),
        (1, "0.01%"),
        (10, "0.1%"),
        (25, "0.25%"),
        (500, "5%"),
        (1_250, "12.5%"),
        (10_000, "100%"),
    ] {
        assert_eq!(Weight::from_basis_points(points).unwrap().to_string(), text);
    }
    assert_eq!(format!("[{:>6}]", Weight::ZERO), "[    0%]", "and lines up in tables");
}

#[test]
fn other_ways_to_write_a_weight_are_read() {
    for (text, points) in
        [("5.0%", 500), ("5.00%", 500), ("5.10%", 510), ("005%", 500), ("100.00%", 10_000)]
    {
        assert_eq!(text.parse::<Weight>().unwrap().basis_points(), points, "{text}");
    }
}

#[test]
fn what_is_no_weight_is_refused_with_the_rule() {
    for bad in [
        "", "%", "5", "0.05", "5.%", ".5%", ".%", "-1%", "+1%", "-0%", "100.01%", "101%", "999%",
        "1000%", "0005%", "5.125%", "5.0.0%", "5,5%", "5 %", " 5%", "5% ", "5%%", "1e1%", "٥%",
        "५%", "NaN%", "inf%", "0x5%", "5.-1%", "5.+1%", "5_0%",
    ] {
        let refused = bad.parse::<Weight>().unwrap_err();
        assert!(refused.to_string().contains("such as 5% or 0.25%"), "{bad:?}: {refused}");
        assert!(refused.to_string().contains(&format!("`{bad}`")), "{bad:?}: {refused}");
    }
    for number in ["5", "0.05", "null", "[\"5%\"]"] {
        assert!(serde_json::from_str::<Weight>(number).is_err(), "{number}");
    }
}

#[test]
fn a_salt_is_printable_and_holds_no_colon() {
    for good in ["s", "shop/checkout/5d4f8c", "!~", &"x".repeat(Salt::MAX_LEN)] {
        assert_eq!(Salt::new(good).unwrap().as_str(), good);
        assert_eq!(good.parse::<Salt>().unwrap().to_string(), good);
    }
    assert_eq!(Salt::new(""), Err(InvalidSalt::Empty));
    assert_eq!(Salt::new(&"x".repeat(129)), Err(InvalidSalt::TooLong(129)));
    for (bad, character) in
        [("a:b", ':'), (":", ':'), ("a b", ' '), ("a\n", '\n'), ("\u{7f}", '\u{7f}'), ("sälz", 'ä')]
    {
        assert_eq!(Salt::new(bad), Err(InvalidSalt::Character(character)));
        assert!(serde_json::from_str::<Salt>(&serde_json::to_string(bad).unwrap()).is_err());
    }
}

#[test]
fn a_variant_has_exactly_one_spelling() {
    for variant in [Variant::Stable, Variant::Canary] {
        assert_eq!(Variant::from_bytes(variant.as_str().as_bytes()), Some(variant));
        assert_eq!(variant.to_string().parse(), Ok(variant));
        let json = serde_json::to_string(&variant).unwrap();
        assert_eq!(json, format!("\"{variant}\""));
        assert_eq!(serde_json::from_str::<Variant>(&json).unwrap(), variant);
    }
    for bad in ["", "Canary", "STABLE", " canary", "canary\0", "stable,canary"] {
        assert_eq!(Variant::from_bytes(bad.as_bytes()), None, "{bad:?}");
        assert!(bad.parse::<Variant>().is_err());
    }
}
