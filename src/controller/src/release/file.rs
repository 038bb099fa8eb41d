//! A proxy that is configured by a file with the weights in it.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serin_assignment::Weight;
use serin_routes::{Shares, Wanted};

/// Steps of a template's work for one rendering: thousands of times what a page of configuration
/// takes, and a stop for one that would go on for ever.
const FUEL: u64 = 1_000_000;

/// The file that a release keeps for a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsFile {
    /// What it is made from.
    pub template: Template,
    /// Where it is.
    pub path: PathBuf,
    /// The command that has the proxy take it; none where the proxy watches the file.
    pub reload: Option<Reload>,
}

/// A command that has a proxy take its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// The program.
    pub program: String,
    /// What it is given.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A text with places for the weights, in the language of Jinja.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    name: String,
    text: String,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.name).finish()
    }
}

impl fmt::Display for WeightsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.path.display(), self.template.name)?;
        match &self.reload {
            Some(Reload { program, arguments, timeout }) => {
                let command = core::iter::once(program).chain(arguments);
                let command: Vec<&str> = command.map(String::as_str).collect();
                write!(f, ", taken over by `{}` within {timeout:?}", command.join(" "))
            }
            None => f.write_str(", which the proxy watches"),
        }
    }
}

impl Template {
    /// Checks a template: it renders for every kind of traffic, and tells them apart.
    ///
    /// # Errors
    /// Why not, with the line.
    pub fn new(name: &str, text: String) -> Result<Self, String> {
        let template = Self { name: name.to_owned(), text };
        let half = Weight::from_basis_points(5_000).unwrap_or_default();
        let nobody = template.render(Wanted::Nobody)?;
        let some = template.render(Wanted::Share(half))?;
        let everyone = template.render(Wanted::Share(Weight::FULL))?;
        if nobody == some || some == everyone {
            return Err(
                "it says the same for different weights: it has no place such as {{ canary_percent }}"
                    .to_owned(),
            );
        }
        Ok(template)
    }

    /// The file's text for this traffic.
    ///
    /// # Errors
    /// Why there is none, which [`new`](Self::new) rules out.
    pub fn render(&self, wanted: Wanted) -> Result<String, String> {
        self.prepared(|render| render(wanted))?
    }

    /// The traffic of which this is the text; the canary's largest share where several are. None
    /// where it is no text of this template.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Wanted> {
        let shares = (0..=Weight::FULL.basis_points()).rev();
        let shares = shares.filter_map(Weight::from_basis_points).map(Wanted::Share);
        let mut all = core::iter::once(Wanted::Everyone).chain(shares).chain([Wanted::Nobody]);
        self.prepared(|render| all.find(|wanted| render(*wanted).is_ok_and(|one| one == text)))
            .ok()
            .flatten()
    }

    /// Lets `work` render as often as it likes: the text is read once.
    fn prepared<T>(
        &self,
        work: impl FnOnce(&dyn Fn(Wanted) -> Result<String, String>) -> T,
    ) -> Result<T, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // Lines that hold nothing but a condition are no lines of the file.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .map_err(|error| error.to_string())?;
        environment.set_syntax(syntax);
        // A name's end (`.html`) would have it escaped.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        let told = |error: minijinja::Error| {
            let line = error.line().map_or_else(String::new, |line| format!(" line {line}:"));
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            format!("{}:{line} {why}", self.name)
        };
        let template = environment.template_from_named_str(&self.name, &self.text).map_err(told)?;
        Ok(work(&|wanted| {
            let (integers, marked) = (wanted.integers(), wanted.marked());
            let canary = integers.rest.canary_share().unwrap_or_default();
            let stable = Weight::FULL.basis_points().saturating_sub(canary.basis_points());
            let stable = Weight::from_basis_points(stable).unwrap_or_default();
            let values = context! {
                canary => canary.basis_points(),
                stable => stable.basis_points(),
                canary_percent => canary.to_string(),
                stable_percent => stable.to_string(),
                marked_canary => side(marked.canary),
                marked_stable => side(marked.stable),
            };
            template.render(values).map_err(told)
        }))
    }
}

/// The side that has all of them.
fn side(shares: Shares) -> &'static str {
    if shares.canary_share() == Some(Weight::FULL) { "canary" } else { "stable" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = "split_clients $id $side {\n  {% if canary > 0 %}\n  {{ canary_percent }} canary;\n  {% endif %}\n  * stable;\n}\nmap $mark $to { canary {{ marked_canary }}; stable {{ marked_stable }}; default $side; }\n";

    fn template() -> Template {
        Template::new("nginx", NGINX.to_owned()).unwrap()
    }

    fn share(text: &str) -> Wanted {
        Wanted::Share(text.parse().unwrap())
    }

    #[test]
    fn weights_stand_where_the_template_has_places_for_them() {
        let rendered = |wanted| template().render(wanted).unwrap();
        assert_eq!(
            rendered(share("0.25%")),
            "split_clients $id $side {\n  0.25% canary;\n  * stable;\n}\nmap $mark $to { canary canary; stable stable; default $side; }\n"
        );
        assert_eq!(
            rendered(Wanted::Nobody),
            "split_clients $id $side {\n  * stable;\n}\nmap $mark $to { canary stable; stable stable; default $side; }\n"
        );
        let numbers =
            Template::new("numbers", "{{ canary }} {{ stable }} {{ stable_percent }}".to_owned());
        assert_eq!(numbers.unwrap().render(share("5%")).unwrap(), "500 9500 95%");
    }

    #[test]
    fn a_text_of_the_template_tells_its_traffic() {
        for wanted in [Wanted::Nobody, Wanted::Everyone, share("0%"), share("0.01%"), share("100%")]
        {
            let text = template().render(wanted).unwrap();
            assert_eq!(template().read(&text), Some(wanted));
        }
        assert_eq!(template().read(""), None);
        assert_eq!(template().read(&NGINX.replace("{{", "")), None);
    }

    #[test]
    fn what_cannot_be_rendered_is_refused_with_its_line() {
        for (text, why) in [
            ("a\n{{ canry }} {{ canary }}", "t: line 2: "),
            ("{% if canary %}", "t: line 1: "),
            ("{% for i in range(100000000) %}{{ canary }}{% endfor %}", "t: "),
            ("5% canary;", "it says the same for different weights"),
            ("{% if canary > 0 %}on{% else %}off{% endif %}", "it says the same"),
        ] {
            let refused = Template::new("t", text.to_owned()).unwrap_err();
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
    }
}
