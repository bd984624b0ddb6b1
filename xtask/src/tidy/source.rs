//! Rust text taken apart into code and comments, so that a rule about one is not fooled by the
//! other or by a string.

/// Both halves have the lines of the original; what belongs to neither is blank.
pub(super) struct Source {
    /// Without comments and without the contents of strings and characters.
    pub(super) code: String,
    pub(super) comments: String,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut lexer =
            Lexer { chars: &chars, at: 0, code: String::new(), comments: String::new() };
        while lexer.peek(0).is_some() {
            lexer.step();
        }
        Self { code: lexer.code, comments: lexer.comments }
    }
}

/// The words of a text (identifiers, numbers) with the bytes they start at.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(is_word)?;
        let word_on = rest.get(start..)?;
        let length = word_on.find(|c| !is_word(c)).unwrap_or(word_on.len());
        let at = text.len() - word_on.len();
        let (word, after) = word_on.split_at(length);
        rest = after;
        Some((at, word))
    })
}

/// The line a byte lies on, counted from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    code: String,
    comments: String,
}

#[derive(Clone, Copy)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Lexer<'_> {
    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => self.take_until(Part::Comment, '\n'),
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.quoted('"'),
            (Some('\''), Some('\\')) => self.quoted('\''),
            (Some('\''), _) if self.peek(2) == Some('\'') => self.quoted('\''),
            (Some(c), _) if is_word(c) => self.word(),
            _ => self.take(Part::Code),
        }
    }

    /// An identifier or number, or the prefix of a raw string together with that string.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.take(Part::Code);
        }
        let word = self.chars.get(start..self.at).unwrap_or_default();
        let hashes = (0..).take_while(|&ahead| self.peek(ahead) == Some('#')).count();
        if matches!(word, ['r'] | ['b' | 'c', 'r']) && self.peek(hashes) == Some('"') {
            self.raw_string(hashes);
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        (0..=hashes).for_each(|_| self.take(Part::Code));
        while self.peek(0).is_some() {
            let closes = self.peek(0) == Some('"')
                && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                return (0..=hashes).for_each(|_| self.take(Part::Code));
            }
            self.take(Part::Literal);
        }
    }

    fn quoted(&mut self, quote: char) {
        self.take(Part::Code);
        while self.peek(0).is_some_and(|c| c != quote) {
            if self.peek(0) == Some('\\') {
                self.take(Part::Literal);
            }
            self.take(Part::Literal);
        }
        self.take(Part::Code);
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            let step = match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => 1,
                (Some('*'), Some('/')) => -1,
                (None, _) => return,
                _ => {
                    self.take(Part::Comment);
                    continue;
                }
            };
            depth += step;
            self.take(Part::Comment);
            self.take(Part::Comment);
            if depth == 0 {
                return;
            }
        }
    }

    fn take_until(&mut self, part: Part, end: char) {
        while self.peek(0).is_some_and(|c| c != end) {
            self.take(part);
        }
    }

    fn take(&mut self, part: Part) {
        let Some(c) = self.peek(0) else { return };
        self.at += 1;
        let blank = if c == '\n' { '\n' } else { ' ' };
        self.code.push(if matches!(part, Part::Code) { c } else { blank });
        self.comments.push(if matches!(part, Part::Comment) { c } else { blank });
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::parse(text).code
    }

    #[test]
    fn comments_and_code_part() {
        let source = Source::parse("let a = 1; // b\n/* c /* d */ e */ f\n/// g\n");
        assert_eq!(source.code.split_whitespace().collect::<String>(), "leta=1;f");
        assert_eq!(
            source.comments.split_whitespace().collect::<Vec<_>>(),
            ["//", "b", "/*", "c", "/*", "d", "*/", "e", "*/", "///", "g"]
        );
        assert_eq!(source.code.lines().count(), 3);
        assert_eq!(source.comments.lines().count(), 3);
    }

    #[test]
    fn contents_of_literals_vanish() {
        assert_eq!(code(r#"f("// { \" }", x)"#), r#"f("         ", x)"#);
        assert_eq!(code(r###"f(r#"a " b"#, x)"###), r###"f(r#"     "#, x)"###);
        assert_eq!(code(r#"f(br"\", x)"#), r#"f(br" ", x)"#);
        assert_eq!(code(r"m('{', '\'', '\u{7d}', b'}')"), r"m(' ', '  ', '      ', b' ')");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        for text in ["fn f<'a>(x: &'a str, y: &'static str) {}", "let r#type = r; 'l: loop {}"] {
            assert_eq!(code(text), text);
        }
    }

    #[test]
    fn words_come_with_their_places() {
        let text = "ab: c_1\n(ü)";
        let found: Vec<_> = words(text).collect();
        assert_eq!(found, [(0, "ab"), (4, "c_1"), (9, "ü")]);
        assert_eq!(line_of(text, 9), 2);
    }
}
