//! The people of a benchmark: users with a token each, and which codes they have shown.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{
    context::BearerToken,
    error::Failure,
    request_id::{RequestId, random_bytes},
};

/// Bytes of a seed, as the server makes them for SHA-1.
const SEED_BYTES: usize = 20;
/// Seconds of a time step.
const PERIOD: u64 = 30;
/// Wrong codes in a row of one user: not so many that a wait follows.
const WRONG_MAX: u8 = 8;
/// Time steps, on either side of now, whose codes a server might take.
const WINDOW: u64 = 10;
/// What names of benchmarks begin with: nothing else is ever removed.
pub(super) const PREFIX: &str = "bench-";

/// Somebody with a token.
pub(super) struct Person {
    pub(super) username: Box<str>,
    pub(super) seed: [u8; SEED_BYTES],
    /// The last time step whose code was shown.
    shown: AtomicU64,
    /// The last time step whose code was allowed.
    allowed: AtomicU64,
    /// Wrong codes that were shown since then.
    wrong: AtomicU8,
    /// Whether an answer is waited for: a code that overtakes that of an earlier time step makes it a used
    /// one.
    is_asked: AtomicBool,
}

/// All of them, and who asks.
pub(super) struct Fleet {
    pub(super) name: String,
    pub(super) people: Vec<Person>,
    next: AtomicUsize,
    pub(super) key: BearerToken,
    /// Whether codes are shown again: to a server that decides nothing.
    repeats: bool,
}

/// A code, whose it is, and of which time step. They are asked for no other until this is dropped.
pub(super) struct Shown<'f> {
    pub(super) number: usize,
    pub(super) person: &'f Person,
    pub(super) step: u64,
    pub(super) code: String,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.person.is_asked.store(false, Relaxed);
    }
}

/// A name that no other benchmark has.
pub(super) fn draw_name() -> Result<String, Failure> {
    let drawn = RequestId::random()?.to_string();
    Ok(format!("{PREFIX}{}", drawn.get(..8).unwrap_or_default()))
}

/// People whom no server knows yet.
pub(super) fn draw_people(name: &str, users: u32) -> Result<Vec<Person>, Failure> {
    (0..users).map(|number| Person::draw(name, number)).collect()
}

impl Fleet {
    pub(super) fn new(name: &str, people: Vec<Person>, key: BearerToken, repeats: bool) -> Self {
        Self { name: name.to_owned(), people, next: AtomicUsize::new(0), key, repeats }
    }

    /// Somebody, and a code that was not shown before: of the present time step, or of the next.
    /// `None`: all codes of now were shown.
    pub(super) fn right(&self, now: u64) -> Option<Shown<'_>> {
        let now = now / PERIOD;
        let (number, person, step) = self.find(|person| match self.repeats {
            true => Some(now),
            false => person.take(now),
        })?;
        Some(Shown { number, person, step, code: person.code(step) })
    }

    /// Somebody, and what is no code of theirs. `None`: all have shown as many of these as they may.
    pub(super) fn wrong(&self, now: u64) -> Option<Shown<'_>> {
        let step = now / PERIOD;
        let (number, person, ()) =
            self.find(|person| (self.repeats || person.may_be_wrong()).then_some(()))?;
        Some(Shown { number, person, step, code: another(&person.code(step)) })
    }

    fn find<T>(&self, pick: impl Fn(&Person) -> Option<T>) -> Option<(usize, &Person, T)> {
        for _ in 0..self.people.len() {
            let number = self.next.fetch_add(1, Relaxed) % self.people.len();
            let person = self.people.get(number)?;
            if person.is_asked.swap(true, Relaxed) {
                continue;
            }
            if let Some(picked) = pick(person) {
                return Some((number, person, picked));
            }
            person.is_asked.store(false, Relaxed);
        }
        None
    }

    /// How many codes can be shown at this moment that were not shown before.
    pub(super) fn codes_left(&self, now: u64) -> u64 {
        let next = now / PERIOD + 1;
        let left = |person: &Person| next.saturating_sub(person.shown.load(Relaxed)).min(2);
        self.people.iter().map(left).sum()
    }
}

impl Person {
    fn draw(name: &str, number: u32) -> Result<Self, Failure> {
        Ok(Self {
            username: format!("{name}-{number:07}").into(),
            seed: random_bytes()?,
            shown: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            wrong: AtomicU8::new(0),
            is_asked: AtomicBool::new(false),
        })
    }

    /// The next time step whose code was not shown, if it is no further off than one.
    fn take(&self, now: u64) -> Option<u64> {
        // The step before may be too old when the code arrives.
        let next = |shown: u64| (shown + 1).max(now);
        let taken = self.shown.fetch_update(Relaxed, Relaxed, |shown| {
            Some(next(shown)).filter(|step| *step <= now + 1)
        });
        taken.ok().map(next)
    }

    fn may_be_wrong(&self) -> bool {
        let one_more = |wrong: u8| (wrong < WRONG_MAX).then_some(wrong + 1);
        self.wrong.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// Takes note that the code of this time step was allowed.
    pub(super) fn was_allowed(&self, step: u64) {
        self.allowed.fetch_max(step, Relaxed);
        self.shown.fetch_max(step, Relaxed);
        self.wrong.store(0, Relaxed);
    }

    /// Whether a token's mark may be this: the last time step that was allowed, or a later one with the
    /// same code, since that code is used up; or what lies between that and the last that was shown, where
    /// somebody got no answer.
    pub(super) fn may_be_marked(&self, mark: u64, is_unsure: bool) -> bool {
        let allowed = self.allowed.load(Relaxed);
        let is_twin = || {
            let later = allowed + 1..=allowed + 2 * WINDOW;
            later.contains(&mark) && self.code(mark) == self.code(allowed)
        };
        mark == allowed
            || is_twin()
            || (is_unsure && (allowed..=self.shown.load(Relaxed)).contains(&mark))
    }

    /// By an implementation that is not the server's.
    pub(super) fn code(&self, step: u64) -> String {
        let secret = totp_rs::Secret::new_stack(self.seed);
        let totp = totp_rs::Builder::new().with_step_duration(PERIOD).with_secret(secret).build();
        totp.map_or_else(|_| String::new(), |totp| totp.generate(step * PERIOD).to_string())
    }

    /// The latest time step near this, other than this, that has the same code: of a million codes, a few
    /// have one.
    pub(super) fn twin(&self, step: u64, code: &str) -> Option<u64> {
        let near = step.saturating_sub(WINDOW)..=step + WINDOW;
        near.rev().find(|other| *other != step && self.code(*other) == code)
    }
}

/// A code of the same length that is another.
fn another(code: &str) -> String {
    let last = code.chars().last().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
    let other = (last + 5) % 10;
    let head = code.get(..code.len().saturating_sub(1)).unwrap_or_default();
    format!("{head}{other}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(users: u32) -> Fleet {
        let key = BearerToken::new("key").unwrap();
        Fleet::new("bench-1", draw_people("bench-1", users).unwrap(), key, false)
    }

    #[test]
    fn no_code_is_shown_twice_and_none_that_is_too_far_off() {
        let person = Person::draw("bench-1", 7).unwrap();
        assert_eq!(&*person.username, "bench-1-0000007");
        let taken = |now| std::iter::from_fn(|| person.take(now)).collect::<Vec<_>>();
        assert_eq!(taken(100), [100, 101]);
        assert_eq!(taken(101), [102]);
        assert_eq!(taken(200), [200, 201]);
        assert_eq!(person.code(100).len(), 6);
        assert_ne!(person.code(100), person.code(101));
    }

    #[test]
    fn what_is_left_can_be_shown() {
        let fleet = fleet(3);
        let shown = |now| std::iter::from_fn(|| fleet.right(now)).count() as u64;
        for now in [3_000, 3_030, 3_031, 9_000] {
            let left = fleet.codes_left(now);
            assert_eq!(shown(now), left, "{now}");
        }
    }

    #[test]
    fn nobody_is_asked_for_two_codes_at_once() {
        let fleet = fleet(1);
        let first = fleet.right(3_000);
        assert!(first.is_some() && fleet.right(3_000).is_none() && fleet.wrong(3_000).is_none());
        drop(first);
        assert!(fleet.right(3_000).is_some());
    }

    #[test]
    fn wrong_codes_are_others_and_few_in_a_row() {
        assert_eq!(another("123456"), "123451");
        assert_eq!(another("123459"), "123454");
        let fleet = fleet(2);
        let wrong = || std::iter::from_fn(|| fleet.wrong(3_000)).count();
        assert_eq!(wrong(), 2 * usize::from(WRONG_MAX));
        fleet.people[0].was_allowed(100);
        assert_eq!(wrong(), usize::from(WRONG_MAX));
    }

    #[test]
    fn a_mark_is_that_of_the_last_code_that_was_allowed() {
        let person = Person::draw("bench-1", 7).unwrap();
        person.take(100);
        person.was_allowed(100);
        person.take(101);
        let fits =
            |is_unsure| [99, 100, 101, 102].map(|mark| person.may_be_marked(mark, is_unsure));
        assert_eq!(fits(false), [false, true, false, false]);
        assert_eq!(fits(true), [false, true, true, false]);
    }

    #[test]
    fn a_mark_may_be_that_of_a_later_step_with_the_same_code() {
        let mut person = Person::draw("bench-1", 7).unwrap();
        // Found by search: one in a million has the same code at 100 and at 101.
        person.seed = *b"symbolon\0\0\0\0\0\0\0\0\0\x01\x79\x2e";
        assert_eq!((&*person.code(100), &*person.code(101)), ("973393", "973393"));
        person.was_allowed(100);
        let fits = [99, 100, 101, 102].map(|mark| person.may_be_marked(mark, false));
        assert_eq!(fits, [false, true, true, false]);
    }

    #[test]
    fn a_twin_is_another_step_with_the_same_code() {
        let person = Person::draw("bench-1", 7).unwrap();
        assert_eq!(person.twin(104, &person.code(100)), Some(100));
        assert_eq!(person.twin(100, ""), None);
    }
}
