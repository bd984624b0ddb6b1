//! Text from a file as it may be shown to people.

/// Characters of foreign text that a message repeats.
const SHOWN_CHARACTERS_MAX: usize = 64;

/// `text` without anything that a terminal would obey, and not longer than a message can bear.
pub(crate) fn shown(text: &str) -> String {
    let clean = |c: char| if c.is_control() || is_direction(c) { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).map(clean).collect();
    if text.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Marks that change the order in which text is displayed, and so what a message seems to say.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_replaced_and_long_text_cut() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(shown(&"x".repeat(64)).chars().count(), 64);
        assert_eq!(shown(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }
}
