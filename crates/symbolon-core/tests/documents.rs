//! `docs/settings.md` lists the settings and how accounts stand as the code has them. The lists are
//! written by `SYMBOLON_WRITE_DOCS=1 cargo nextest run -p symbolon-core --test documents`, and by hand
//! never.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "reads a document, and writes it when asked to"
)]

use std::fmt::Write as _;
use std::path::Path;

use symbolon_core::{Bound, Denial, SETTINGS, Standing, Timestamp, Unit};

#[test]
fn the_document_lists_the_settings_and_the_standings_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut expected = text.clone();
    for (mark, list) in [("settings", settings()), ("standings", standings())] {
        let (begin, end) = (format!("<!-- {mark}: begin -->\n"), format!("<!-- {mark}: end -->"));
        let (before, rest) = expected.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        expected = format!("{before}{begin}\n{list}\n{end}{after}");
    }
    if std::env::var_os("SYMBOLON_WRITE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    let differs = text.lines().zip(expected.lines()).find(|(found, due)| found != due);
    assert_eq!((differs, text.len()), (None, expected.len()), "write docs/settings.md anew");
}

fn value(unit: Unit, value: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    match unit {
        Unit::Count => value.to_string(),
        Unit::Choice(words) => (*words.get(usize::try_from(value).unwrap()).unwrap()).to_owned(),
        Unit::Seconds => {
            let (name, seconds) =
                units.into_iter().find(|(_, it)| value > 0 && value.is_multiple_of(*it)).unwrap();
            format!("{}{name}", value / seconds)
        }
    }
}

fn settings() -> String {
    let mut list = "| setting | default | range | |\n| --- | --- | --- | --- |\n".to_owned();
    for info in &SETTINGS {
        let shown = |number| value(info.unit, number);
        let (default, low, high) = (shown(info.default), shown(info.min), shown(info.max));
        let caution = match info.caution {
            None => String::new(),
            Some((Bound::Below(at), text)) => format!(" Warning below {}: {text}", shown(at)),
            Some((Bound::Above(at), text)) => format!(" Warning above {}: {text}", shown(at)),
        };
        let (name, text) = (info.name, info.text);
        writeln!(list, "| `{name}` | {default} | {low} to {high} | {text}{caution} |").unwrap();
    }
    list
}

/// What comes before any account: whose name it is.
fn names() -> String {
    let (several, nobody) = (Denial::AmbiguousName.name(), Denial::UnknownUser.name());
    format!(
        "| of several, whom the name fits alike | DENY, not counted | {several} | the whole name |\n\
         | nobody's, at an application that makes no exception | DENY, not counted | {nobody} | \
         `symbolon user add` |\n\
         | nobody's, at an application that lets such names in | ALLOW, not counted | - | \
         `symbolon application set --unknown-users deny` |\n"
    )
}

/// Every standing, the first that counts first.
fn standings() -> String {
    let all = [
        Standing::Disabled,
        Standing::Blocked,
        Standing::Locked,
        Standing::Waiting(Timestamp(0)),
        Standing::ShareSpent,
        Standing::Exempt,
        Standing::NoToken,
        Standing::PinExpired,
        Standing::Active,
    ];
    assert!(all.is_sorted_by(|a, b| a > b), "the order of the list is that of the code");
    let mut list =
        "| the account | a code | reason for the help desk | way out |\n| --- | --- | --- | --- |\n"
            .to_owned();
    list += &names();
    for standing in all {
        // A new one does not compile until it is named here and above.
        let (what, out) = match standing {
            Standing::Disabled => (
                "switched off by an administrator, at an application that makes no exception",
                "`symbolon user enable`",
            ),
            Standing::Exempt => (
                "switched off by an administrator, at an application that lets such users in",
                "`symbolon application set --disabled-users deny`",
            ),
            Standing::Blocked => ("blocked for a while", "its time, or `symbolon user unblock`"),
            Standing::Locked => {
                ("as many failures in a row as it can absorb", "`symbolon user unblock`")
            }
            Standing::Waiting(_) => (
                "failures in a row from the threshold on",
                "the end of the wait, or `symbolon user unblock`",
            ),
            Standing::ShareSpent => (
                "as many failures as one application may bring, at that application",
                "a success by another, or `symbolon user unblock`",
            ),
            Standing::NoToken => ("no token that is proved", "`symbolon token enroll`"),
            Standing::PinExpired => (
                "a PIN that must be changed, and `pin.change_in_sign_in` is off",
                "`symbolon user pin`",
            ),
            Standing::Active => ("none of these", "-"),
        };
        let (fate, reason) = match standing.denial() {
            Some(denial) => ("DENY, not evaluated, not counted", denial.name()),
            None if standing == Standing::Exempt => ("ALLOW, not evaluated, not counted", "-"),
            None => ("evaluated; if wrong, counted", "-"),
        };
        writeln!(list, "| {what} | {fate} | {reason} | {out} |").unwrap();
    }
    list
}
