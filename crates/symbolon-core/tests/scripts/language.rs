//! The line language: `at TIME COMMAND -> OUTCOME`, `also COMMAND -> OUTCOME`, `see THING -> VALUE`.

use symbolon_core::Timestamp;

/// One line of a script.
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) text: &'a str,
    pub(crate) kind: Kind,
    /// How often the command is given, `#` in it standing for 1, 2, 3...
    pub(crate) times: usize,
    pub(crate) words: Words,
    /// What stands after `->`.
    pub(crate) expected: Option<String>,
}

pub(crate) enum Kind {
    /// A log entry of its own, stamped with this time.
    At(Timestamp),
    /// In the same log entry as the line before.
    Also,
    /// A look at the state.
    See,
}

/// All lines that say something.
pub(crate) fn lines(script: &str) -> Result<Vec<Line<'_>>, String> {
    (1..)
        .zip(script.lines())
        .filter(|(_, text)| !text.trim().is_empty() && !text.trim_start().starts_with('#'))
        .map(|(number, text)| {
            line(number, text).map_err(|error| format!("line {number}: {text}\n  {error}"))
        })
        .collect()
}

fn line(number: usize, text: &str) -> Result<Line<'_>, String> {
    let (said, expected) = match text.split_once("->") {
        Some((said, expected)) => (said, Some(expected.trim().to_owned())),
        None => (text, None),
    };
    let mut words = Words(said.split_whitespace().map(str::to_owned).collect());
    let kind = match words.next("a line")?.as_str() {
        "at" => Kind::At(time(&words.next("a time")?)?),
        "also" => Kind::Also,
        "see" => Kind::See,
        other => return Err(format!("a line starts with at, also or see, not {other}")),
    };
    let times = match words.0.as_slice() {
        [number, times, ..] if times == "times" => {
            let number = number.parse().map_err(|_| "how many times?")?;
            words.0.drain(..2);
            number
        }
        _ => 1,
    };
    Ok(Line { number, text, kind, times, words, expected })
}

/// The words of a command that are not yet understood.
#[derive(Clone)]
pub(crate) struct Words(Vec<String>);

impl Words {
    /// The next word.
    pub(crate) fn next(&mut self, what: &str) -> Result<String, String> {
        if self.0.is_empty() {
            return Err(format!("{what} is missing"));
        }
        Ok(self.0.remove(0))
    }

    /// The word after `key`, wherever that stands.
    pub(crate) fn option(&mut self, key: &str) -> Result<Option<String>, String> {
        let Some(place) = self.0.iter().position(|word| word == key) else {
            return Ok(None);
        };
        if place + 1 == self.0.len() {
            return Err(format!("{key} needs a word after it"));
        }
        self.0.remove(place);
        Ok(Some(self.0.remove(place)))
    }

    /// Whether the word is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|word| word == key)
    }

    /// Refuses words that nobody asked for.
    pub(crate) fn end(&self) -> Result<(), String> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(format!("not understood: {}", self.0.join(" ")))
        }
    }

    /// The same words as the `count`th of several.
    pub(crate) fn counted(&self, count: usize) -> Self {
        let word = |word: &String| word.replace('#', &count.to_string());
        Self(self.0.iter().map(word).collect())
    }

    pub(crate) fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// Reads `30s`, `30.001s`, `5m`, `24h` or `7d`.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text} is no time");
    let (unit, number) = text
        .chars()
        .next_back()
        .map(|unit| (unit, &text[..text.len() - unit.len_utf8()]))
        .ok_or_else(wrong)?;
    let unit_milliseconds = match unit {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(wrong()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 3 || (unit != 's' && !part.is_empty()) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    Ok(Timestamp(whole * unit_milliseconds + part))
}

/// The inverse of [`time`], in seconds.
pub(crate) fn time_text(at: Timestamp) -> String {
    let text = at.to_string();
    let number = text.trim_end_matches('s');
    format!("{}s", number.trim_end_matches('0').trim_end_matches('.'))
}
