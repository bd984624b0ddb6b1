//! What is typed: passwords that stay, or codes that were never shown.

use std::collections::VecDeque;
use std::sync::Mutex;

use symbolon_testkit::{Person, step_now};

pub(super) const PASSWORD: &str = "of a test";
/// It is no password, and the code of one in a million.
const WRONG: &str = "000000";

/// Whose sign-ins are asked for.
pub(super) enum People {
    /// With the same password each.
    Passwords(usize),
    Codes(Codes),
}

/// In the order in which their codes are due.
pub(super) struct Codes(Mutex<VecDeque<(Person, u64)>>);

impl Codes {
    pub(super) fn new(people: Vec<Person>) -> Self {
        Self(Mutex::new(people.into_iter().map(|person| (person, 0)).collect()))
    }

    /// A code that is right, each once; `None` when all were shown.
    fn right(&self) -> Option<(String, String)> {
        loop {
            let mut people = self.0.lock().unwrap();
            let now = step_now();
            let (_, unused) = people.front()?;
            let step = now.max(*unused);
            // One step ahead is taken, and still is when the step ends meanwhile.
            if step > now + 1 {
                return None;
            }
            let (person, _) = people.pop_front()?;
            people.push_back((person.clone(), step + 1));
            drop(people);
            if person.otp.is_distinct(step) {
                return Some((person.otp.code_of(step), person.username));
            }
        }
    }

    fn wrong(&self) -> Option<(String, String)> {
        let mut people = self.0.lock().unwrap();
        let first = people.pop_front()?;
        people.push_back(first.clone());
        drop(people);
        let wrong = first.0.otp.wrong_code();
        Some((wrong, first.0.username))
    }
}

impl People {
    /// What is typed next, and who types it.
    pub(super) fn next(&self, number: usize, is_right: bool) -> Option<(String, String)> {
        match self {
            Self::Codes(codes) if is_right => codes.right(),
            Self::Codes(codes) => codes.wrong(),
            Self::Passwords(people) => {
                let typed = if is_right { PASSWORD } else { WRONG };
                Some((typed.to_owned(), user(number % people)))
            }
        }
    }
}

pub(super) fn user(number: usize) -> String {
    format!("user-{number}")
}
