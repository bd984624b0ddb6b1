//! Whom a name stands for; and names that stand for nobody.

use symbolon_core::{ApplicationId, AuditRow, Denial, Setting, Strangers, Timestamp, UserName};

use super::{At, Model, Person};

/// Milliseconds for which names that are nobody's are counted.
const COUNTED: u64 = 60_000;

impl Model {
    /// The person whom a name stands for, or why it stands for none.
    pub(crate) fn whose(&self, name: &UserName) -> Result<&Person, Denial> {
        if let Some(person) = self.people.iter().find(|person| person.name == *name) {
            return Ok(person);
        }
        // A name without a domain, or with the first part of one.
        let longer = match name.as_str().find('@') {
            None => format!("{name}@"),
            Some(at) if !name.as_str()[at..].contains('.') => format!("{name}."),
            Some(_) => return Err(Denial::UnknownUser),
        };
        let fits = |person: &&Person| person.name.as_str().starts_with(&longer);
        let fitting: Vec<_> = self.people.iter().filter(fits).collect();
        match fitting[..] {
            [] => Err(Denial::UnknownUser),
            [person] => Ok(person),
            _ => Err(Denial::AmbiguousName),
        }
    }

    /// Counts a name that is nobody's, from the first of a minute on. Returns whether it has an event of
    /// its own.
    pub(super) fn meet_stranger(&mut self, at: At<'_>, application: ApplicationId) -> bool {
        let (now, most) = (self.now, self.settings.get(Setting::UnknownNames));
        let row = self.applications.iter_mut().find(|row| row.id == application).unwrap();
        let before = row.strangers;
        let is_over = before.met > 0 && now >= ended(before);
        if before.met == 0 || is_over {
            row.strangers = Strangers { since: Timestamp(now), met: 0, untold: 0 };
        }
        row.strangers.met += 1;
        let is_told = u64::from(row.strangers.met) <= most;
        row.strangers.untold += u32::from(!is_told);
        self.note_if(is_over && now == ended(before), "strangers are counted anew after a minute");
        if is_over && before.untold > 0 {
            self.notes.push("a stranger comes after others whom nobody has told of");
            self.tell(at, not_told(application, before));
        }
        is_told
    }
}

pub(super) const fn not_told(application: ApplicationId, met: Strangers) -> AuditRow {
    AuditRow::NamesNotAudited { application, names: met.untold, since: met.since }
}

/// When strangers are counted anew.
pub(crate) const fn ended(strangers: Strangers) -> u64 {
    strangers.since.0 + COUNTED
}
