//! Settings.

use super::*;

pub(super) fn revision(words: &mut Words) -> Result<Option<LogIndex>, String> {
    let revision = words.option("at-revision")?;
    let revision = revision.map(|text| text.parse().map(LogIndex).map_err(|_| "a revision"));
    Ok(revision.transpose()?)
}

/// `set NAME=VALUE [NAME=VALUE ...]`; `default` takes a value back.
pub(super) fn command(first: &str, words: &mut Words) -> Result<UpdateSettings, String> {
    let revision = revision(words)?;
    let mut changes = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(text) = next {
        let (name, value) = text.split_once('=').ok_or("set NAME=VALUE")?;
        let setting = Setting::from_name(name).ok_or_else(|| format!("no setting {name}"))?;
        let value = match value {
            "default" => None,
            number => Some(number.parse().map_err(|_| format!("{number} is no number"))?),
        };
        changes.push((setting, value));
        next = words.next("a setting").ok();
    }
    Ok(UpdateSettings { changes, revision })
}
