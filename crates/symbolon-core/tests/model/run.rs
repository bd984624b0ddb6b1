//! A script, run through the core and through the model at once.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symbolon_core::{
    Answer, Application, ApplicationId, AuditEvent, Caller, Change, Name, Output, Proposal, Reply,
    Row, RowKey, SealedPlace, Serial, State, Timestamp, UserId,
};

use crate::coverage::Coverage;
use crate::entry::{Log, user_name};
use crate::plain::{Model, Person, is_within};
use crate::promises::Promises;
use crate::script::{Step, What, script};

/// Milliseconds: what is kept of the audit for a restart.
const RECENT: u64 = 65_000;

/// Runs one script to its end.
///
/// # Errors
/// The steps that are needed for a failure, and what differs after the last of them.
pub(crate) fn run_seed(seed: u64, coverage: &mut Coverage) -> Result<(), String> {
    let steps = script(seed);
    // The rules between rows are dear: of most scripts they are looked at when all is done.
    let is_thorough = seed.is_multiple_of(4);
    let mut run = Run { coverage: Some(coverage), is_thorough, ..Run::default() };
    if outcome(&steps, &mut run).is_ok() {
        return Ok(());
    }
    let steps = shrunk(steps);
    let mut run = Run { lines: Some(Vec::new()), ..Run::default() };
    let differs = outcome(&steps, &mut run).err().unwrap_or_default();
    let lines = run.lines.unwrap().join("\n");
    Err(format!(
        "SYMBOLON_MODEL_SEED={seed} SYMBOLON_MODEL_SCRIPTS=1 runs it alone; of it {} steps are needed:\n\
         {lines}\n{differs}",
        steps.len(),
    ))
}

/// A panic is a failure like any other.
fn outcome(steps: &[Step], run: &mut Run<'_>) -> Result<(), String> {
    let ran = catch_unwind(AssertUnwindSafe(|| steps.iter().try_for_each(|step| run.step(step))));
    ran.unwrap_or_else(|_| Err("  a panic".to_owned())).and_then(|()| run.end())
}

/// Leaves out steps, many at once and then one by one, as long as it fails.
fn shrunk(mut steps: Vec<Step>) -> Vec<Step> {
    let mut length = steps.len() / 2;
    loop {
        let mut place = 0;
        let mut found = false;
        while place + length <= steps.len() && length > 0 {
            let mut fewer = steps.clone();
            fewer.drain(place..place + length);
            if outcome(&fewer, &mut Run::default()).is_err() {
                steps = fewer;
                found = true;
            } else {
                place += length;
            }
        }
        match (length, found) {
            (0 | 1, false) => return steps,
            (1, true) => {}
            _ => length /= 2,
        }
    }
}

#[derive(Default)]
struct Run<'a> {
    log: Log,
    state: State,
    model: Model,
    promises: Promises,
    /// What the changes have made of the rows.
    image: BTreeMap<RowKey, Row>,
    /// What the proposals of the last entry left.
    out: Output,
    coverage: Option<&'a mut Coverage>,
    /// Whether the rules between rows are looked at after every change.
    is_thorough: bool,
    /// What was done, for people to read.
    lines: Option<Vec<String>>,
}

impl Run<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        if let What::Restart = step.what {
            self.tell(|| "restart".to_owned());
            return self.restart();
        }
        if self.log.enter(step, &self.state, &self.model) {
            self.out = Output::default();
        }
        let Some(proposal) = self.log.proposal(step) else {
            return Ok(());
        };
        let stamp = self.log.stamp;
        self.tell(|| shown(stamp.at.0, &proposal));
        let (changes, events) = (self.out.changes.len(), self.model.events.len());
        let told = self.out.events.len();
        let answer = self.state.apply(stamp, &proposal, &mut self.out);
        let expected = self.model.apply(stamp, &proposal);
        self.tell(|| format!("        -> {:?} of {}", expected.reply, expected.index));
        if let Some(coverage) = &mut self.coverage {
            coverage.count(&proposal.command, stamp, &expected);
            self.model.notes.drain(..).for_each(|note| coverage.note(note));
        }
        self.promises.judge(&self.out.events[told..], &self.state)?;
        equal("the answer", &expected, &answer)?;
        self.compare_what_was_left(changes, events)?;
        let is_silent = self.out.changes.len() == changes && self.model.events.len() == events;
        self.refused_in_silence(&answer, is_silent)?;
        // What was not touched was compared before.
        if is_silent { self.compare_scalars() } else { self.compare() }
    }

    fn refused_in_silence(&self, answer: &Answer, is_silent: bool) -> Result<(), String> {
        let is_old = answer.index != self.log.stamp.index;
        let is_refused = matches!(answer.reply, Reply::Refused(_));
        equal("whether it is silent", &true, &(is_silent || !(is_old || is_refused)))
    }

    fn compare_what_was_left(&mut self, changes: usize, events: usize) -> Result<(), String> {
        for change in &self.out.changes[changes..] {
            let before = match change {
                Change::Put(row) => self.image.insert(row.key(), row.clone()),
                Change::Delete(key) => self.image.remove(key),
            };
            // What is written costs every node a write to its disk. Only within one log entry a row may
            // be changed to what it is: its revision is the entry's already.
            let is_old = matches!((change, before), (Change::Put(row), Some(old)) if *row == old);
            let is_new = !is_old || changes > 0;
            equal("whether what is written is new", &true, &is_new)?;
        }
        let new = self.model.events[events..].len();
        let told = self.out.events.len().saturating_sub(new);
        let of_entry = |event: &&AuditEvent| event.index == self.log.stamp.index;
        let expected = self.model.events.iter().filter(of_entry).count();
        equal("the number of events", &expected, &self.out.events.len())?;
        equal("the events", &&self.model.events[events..], &&self.out.events[told..])
    }

    fn compare_scalars(&self) -> Result<(), String> {
        equal("state time", &self.model.now, &self.state.clock().0)?;
        equal("replies remembered", &self.model.remembering().count(), &self.state.replies_len())
    }

    /// The whole state, as far as it can be asked.
    fn compare(&mut self) -> Result<(), String> {
        if self.is_thorough {
            self.check()?;
        }
        self.compare_scalars()?;
        let rows = self.model.rows();
        equal("the rows", &rows, &self.state.rows().collect())?;
        equal("the number of rows", &rows.len(), &self.state.rows_len())?;
        let image = rows.into_iter().map(|row| (row.key(), row)).collect();
        equal("the rows by their changes", &image, &self.image)?;
        let lockout = self.state.lockout();
        let limits = (self.model.failures_until_locked(), self.model.failures_of_one_application());
        equal("the limits", &limits, &(lockout.limit.into(), lockout.share.into()))?;
        for person in &self.model.people {
            for application in [None, Some(ApplicationId(1)), Some(ApplicationId(2))] {
                let expected = self.model.standing(person, application, self.model.now);
                let found = self.state.standing(&person.row(), application, self.state.clock());
                equal("how an account stands", &expected, &found)?;
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        equal("the rules between rows", &Ok(()), &self.state.check())
    }

    /// What is looked up; and what has happened in all.
    fn end(&mut self) -> Result<(), String> {
        self.compare()?;
        self.check()?;
        equal("when a tick is due", &self.model.next_due(), &self.state.next_due().map(|at| at.0))?;
        let mut chain = Default::default();
        for event in &self.model.events {
            chain = event.link(chain);
        }
        equal("the audit chain", &chain, &self.state.audit_chain())?;
        for given in self.model.given.clone() {
            let expected = self.model.remembered(given.caller, given.id).map(|given| given.answer);
            let found = self.state.remembered(given.caller, given.id).map(|first| first.answer);
            equal("an answer remembered", &expected, &found)?;
        }
        self.compare_look_ups()?;
        self.compare_keys()
    }

    fn compare_look_ups(&self) -> Result<(), String> {
        let mut people: Vec<&Person> = self.model.people.iter().collect();
        people.sort_by_key(|person| &person.name);
        for number in 0..5 {
            let name = user_name(number);
            let expected = people.iter().find(|person| person.name == name).map(|it| it.id);
            equal("a user by name", &expected, &self.state.user_by_name(&name).map(|it| it.id))?;
            let rest = people.iter().filter(|person| person.name > name).map(|it| it.id);
            let found = self.state.users_after(Some(&name)).map(|it| it.id);
            equal("users after a name", &rest.collect::<Vec<_>>(), &found.collect())?;

            let name = Name::new(format!("app{number}")).unwrap();
            let expected = self.model.applications.iter().find(|it| it.name == name);
            equal("an application by name", &expected, &self.state.application_by_name(&name))?;
            let name = Name::new(format!("root{number}")).unwrap();
            let expected = self.model.administrators.iter().find(|it| it.name == name);
            equal("an administrator by name", &expected, &self.state.administrator_by_name(&name))?;

            let serial = Serial::new(format!("S{number}")).unwrap();
            let expected = self.model.tokens.iter().find(|it| it.serial.as_ref() == Some(&serial));
            equal("a token by serial", &expected, &self.state.token_by_serial(&serial))?;
            let user = UserId(number);
            let expected = people.iter().find(|person| person.id == user).map(|it| it.row());
            equal("a user by id", &expected.as_ref(), &self.state.user(user))?;
        }
        self.compare_callers()?;
        let all = self.state.users_after(None).map(|it| it.id).collect();
        equal("all users", &people.iter().map(|it| it.id).collect::<Vec<_>>(), &all)?;
        equal("the number of users", &people.len(), &self.state.users_len())
    }

    fn compare_callers(&self) -> Result<(), String> {
        let lets_in = |row: &&Application| row.exempt.unknown_users || row.exempt.disabled_users;
        let mut exempting: Vec<_> =
            self.model.applications.iter().filter(lets_in).map(|row| row.id).collect();
        exempting.sort();
        let found = self.state.exempting().map(|row| row.id).collect();
        equal("the applications that let somebody in", &exempting, &found)?;
        for row in &self.model.applications {
            let until = row.old_key.map_or(0, |old| old.until.0);
            for at in [self.model.now, until.saturating_sub(1), until] {
                let mut taken = vec![row.key];
                taken.extend(row.old_key.filter(|old| at < old.until.0).map(|old| old.key));
                equal("the keys that are taken", &taken, &row.keys(Timestamp(at)).collect())?;
            }
        }
        for row in &self.model.administrators {
            for person in &self.model.people {
                let found = self.state.is_in_scope(Caller::Administrator(row.id), &person.row());
                equal("whether a user is in sight", &is_within(&row.scope, person), &found)?;
            }
        }
        let mut names: Vec<_> = self.model.applications.iter().map(|it| &it.name).collect();
        names.sort();
        let found = self.state.applications_after(None).map(|it| &it.name).collect();
        equal("the applications", &names, &found)?;
        let first = names.first().copied();
        let found = self.state.applications_after(first).map(|it| &it.name).collect();
        equal("the applications after one", &names.split_off(1.min(names.len())), &found)
    }

    fn compare_keys(&mut self) -> Result<(), String> {
        equal("the active key", &self.model.active_key(), &self.state.active_data_key())?;
        let under_others = self.model.under_others();
        let found = self.state.sealed_under_others();
        equal("secrets under other keys", &(under_others.len() as u64), &found)?;
        let left = self.state.fields_to_reseal(SealedPlace::default());
        let left = left.map(|(field, _)| field.row()).collect();
        equal("secrets to seal again", &sorted(under_others), &sorted(left))?;
        let lacking = self.state.nodes_without_next_key().collect();
        equal("nodes without the next key", &self.model.lacking(), &lacking)
    }

    /// From rows, scalars and the events of the last 65 s the same state comes back.
    fn restart(&mut self) -> Result<(), String> {
        let now = self.model.now;
        let recent = self.model.events.iter().filter(|event| event.at.0 + RECENT >= now).cloned();
        let rows = self.model.rows();
        let restored = State::restore(rows, self.state.scalars(), recent);
        self.state = restored.map_err(|error| format!("  not restored: {error}"))?;
        if let Some(coverage) = &mut self.coverage {
            coverage.note("a restart");
        }
        self.end()
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

/// A proposal in two lines at most.
fn shown(at: u64, proposal: &Proposal) -> String {
    let Proposal { caller, request_id, seen, made_at, command, .. } = proposal;
    let [first, .., last] = request_id.0;
    let age = at.cast_signed() - made_at.0.cast_signed();
    // Numbers are small here: their leading zeros say nothing.
    let [caller, command] = [format!("{caller:?}"), format!("{command:?}")]
        .map(|it| it.replace("(000000000000000", "("));
    format!(
        "at {}.{:03} s by {caller}, id {first:02x}{last:02x}, seen {seen}, {age} ms old\n    {command}",
        at / 1000,
        at % 1000,
    )
}

fn equal<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: not equal\n  model: {expected:?}\n  core:  {found:?}"))
    }
}
