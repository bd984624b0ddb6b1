//! As much of Markdown as links need.

use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Document {
    pub(super) links: Vec<Link>,
    /// What can stand behind a `#`: of headings, in the spelling of GitHub, and of HTML.
    pub(super) anchors: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) line: usize,
    pub(super) target: String,
}

impl Document {
    pub(super) fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut fence = None;
        for (number, line) in (1..).zip(text.lines()) {
            let marker = ["```", "~~~"].into_iter().find(|m| line.trim_start().starts_with(m));
            match (fence, marker) {
                (None, None) => document.line(number, line),
                (None, Some(_)) => fence = marker,
                (Some(_), _) if fence == marker => fence = None,
                (Some(_), _) => {}
            }
        }
        document
    }

    fn line(&mut self, number: usize, line: &str) {
        if let Some(heading) = heading(line) {
            self.add_heading(heading);
        }
        for attribute in ["id=\"", "name=\""] {
            self.anchors.extend(between(line, attribute, '"').map(str::to_owned));
        }
        let prose = without_code(line);
        let definition = prose.trim_start().starts_with('[').then(|| between(&prose, "]: ", ' '));
        let targets = between(&prose, "](", ')').chain(definition.into_iter().flatten().take(1));
        for target in targets {
            // A title may follow, and brackets may hold an address with spaces.
            let target = target.split(" \"").next().unwrap_or_default();
            let target = target.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
            self.links.push(Link { line: number, target });
        }
    }

    fn add_heading(&mut self, heading: &str) {
        let anchor = anchor(heading);
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(numbered);
        let free = names.find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len() && text.starts_with(' ')).then(|| text.trim())
}

fn anchor(heading: &str) -> String {
    let text = visible(heading).to_lowercase();
    let kept = text.chars().filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A heading with links reduced to their texts.
fn visible(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        text += before;
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text + rest
}

/// A line with the contents of code spans blanked.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "code" }).collect()
}

/// What stands between each `start` and the next `end` (or the end of the line).
fn between<'a>(line: &'a str, start: &str, end: char) -> impl Iterator<Item = &'a str> {
    line.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<String> {
        Document::parse(text).links.into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn all_spellings_of_links_are_found() {
        assert_eq!(
            targets("See [a](b.md), [c](d.md#e) and ![f](g.png \"h\")."),
            ["b.md", "d.md#e", "g.png"]
        );
        assert_eq!(targets("[a]: b.md\n[c]: <d.md> \"title\"\n"), ["b.md", "d.md"]);
    }

    #[test]
    fn code_has_no_links() {
        assert!(targets("```\n[a](b.md)\n```\n`[a](b.md)`\n~~~\n```\n[a](b.md)\n~~~\n").is_empty());
        assert_eq!(targets("```\ncode\n```\n[`a`](b.md)\n"), ["b.md"]);
    }

    #[test]
    fn anchors_are_spelled_as_github_does() {
        let text = "# One two\n## `Kv`: what's *in* it?\n## One two\n# [Linked](x.md) word\n\
                    <a id=\"here\"></a>\n#no heading\n";
        let anchors: Vec<_> = Document::parse(text).anchors.into_iter().collect();
        assert_eq!(anchors, ["here", "kv-whats-in-it", "linked-word", "one-two", "one-two-1"]);
    }
}
