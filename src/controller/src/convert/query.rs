//! Queries with placeholders of others, as gates ask them.

use std::collections::BTreeMap;

/// Puts values in place of `{{ name }}`; a leading `$` or `.` of a name and inner spaces don't count.
///
/// # Errors
/// The first placeholder that nobody knows.
pub(super) fn fill(query: &str, known: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = query;
    while let Some((before, behind)) = rest.split_once("{{") {
        filled.push_str(before);
        let (name, after) = behind.split_once("}}").ok_or_else(|| "{{".to_owned())?;
        let bare = name.trim().trim_matches('-').trim().trim_start_matches(['.', '$']);
        let value = known.get(bare).ok_or_else(|| format!("{{{{{name}}}}}"))?;
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    // Queries in YAML blocks end with a line's end.
    Ok(filled.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_put_in_and_what_is_not_is_named() {
        let known = BTreeMap::from([
            ("namespace".to_owned(), "shop".to_owned()),
            ("interval".to_owned(), "{{window}}".to_owned()),
        ]);
        let query = "rate(x{ns=\"{{ namespace }}\"}[{{interval}}])\n";
        assert_eq!(fill(query, &known).unwrap(), "rate(x{ns=\"shop\"}[{{window}}])");
        assert_eq!(fill("up{a=\"{{ args.b }}\"}", &known), Err("{{ args.b }}".to_owned()));
        assert_eq!(fill("up{{", &known), Err("{{".to_owned()));
    }
}
