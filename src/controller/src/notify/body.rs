//! What each kind of receiver takes.

use serde_json::{Value, json};

use super::Notice;
use super::receivers::Format;
use crate::store::Given;

/// The body of a message, JSON in all formats.
pub(super) fn of(notice: &Notice, format: Format) -> Value {
    match format {
        Format::Slack => slack(notice),
        Format::Teams => teams(notice),
        Format::Webhook => webhook(notice),
    }
}

/// Slack's incoming webhooks. Of a text, `&`, `<` and `>` would be read as markup.
fn slack(notice: &Notice) -> Value {
    let escaped = text(notice).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": format!("{}*{}* {}\n{escaped}", mark(notice), notice.key(), title(notice)) })
}

/// The workflow "when a Teams webhook request is received", which takes Adaptive Cards. Version 1.4
/// is the newest that all of Teams' clients show.
fn teams(notice: &Notice) -> Value {
    let colour = if notice.trouble { "attention" } else { "default" };
    let heading = format!("{}{} {}", mark(notice), notice.key(), title(notice));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {
                        "type": "TextBlock", "weight": "bolder", "wrap": true,
                        "color": colour, "text": heading,
                    },
                    { "type": "TextBlock", "wrap": true, "text": plain(&text(notice)) },
                ],
            },
        }],
    })
}

/// Programs get all fields, in the form of the Standard Webhooks specification.
fn webhook(notice: &Notice) -> Value {
    json!({ "type": "serin.decision", "timestamp": notice.at, "data": notice })
}

/// What was decided, and by whose command.
fn text(notice: &Notice) -> String {
    match &notice.given {
        None => notice.message.clone(),
        Some(Given { command, by }) => format!("{} ({command} by {by})", notice.message),
    }
}

fn title(notice: &Notice) -> String {
    format!("{:?}, canary at {}", notice.reason, notice.weight)
}

/// A sign in front of what calls for a look; the words say it too.
const fn mark(notice: &Notice) -> &'static str {
    if notice.trouble { "⚠ " } else { "" }
}

/// A text in which nothing is read as Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '*' | '_' | '[' | ']' | '`' | '#') {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::example;

    #[test]
    fn slack_gets_a_text_without_markup_of_its_own() {
        let body = of(&example(), Format::Slack);
        let text = "⚠ *shop/checkout* Harm, canary at 0%\n\
                    answers fails: canary 20.3 % &lt;of&gt; 148 &amp; more";
        assert_eq!(body, json!({ "text": text }));
    }

    #[test]
    fn teams_gets_a_card() {
        let given = Given { command: "abort".to_owned(), by: "ann_b".to_owned() };
        let message = "a *b* [c](d)".to_owned();
        let notice = Notice { message, given: Some(given), ..example() };
        let body = of(&notice, Format::Teams);
        let card = body.pointer("/attachments/0/content/body").unwrap();
        assert_eq!(card.pointer("/0/text").unwrap(), "⚠ shop/checkout Harm, canary at 0%");
        assert_eq!(card.pointer("/0/color").unwrap(), "attention");
        assert_eq!(card.pointer("/1/text").unwrap(), r"a \*b\* \[c\](d) (abort by ann\_b)");
    }

    #[test]
    fn programs_get_every_field() {
        let data = json!({
            "namespace": "shop", "name": "checkout", "number": 17,
            "at": "2026-11-23T14:54:43.7Z", "reason": "Harm", "trouble": true, "step": 2,
            "weight": "0%", "message": "answers fails: canary 20.3 % <of> 148 & more",
        });
        let expected = json!({ "type": "serin.decision", "timestamp": "2026-11-23T14:54:43.7Z", "data": data });
        assert_eq!(of(&example(), Format::Webhook), expected);
    }
}
