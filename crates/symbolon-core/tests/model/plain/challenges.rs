//! What is asked of people before they are let in.

use symbolon_core::{
    Challenge, ChallengeAnswer, Decision, Denial, Fingerprint, Outcome, Prompt, Refusal, Setting,
    Timestamp, UserId, UserPin,
};

use super::{At, Model, Person};

/// Open ones of one person.
const OPEN: usize = 4;
/// Answers that cannot be taken, after which it is over.
const TRIES: u8 = 5;
/// Milliseconds.
const DAY: u64 = 24 * 3600 * 1000;

impl Model {
    /// From when on a person must choose another PIN.
    pub(crate) fn pin_due(&self, person: &Person) -> Option<u64> {
        let pin = person.pin.as_ref()?;
        let days = self.settings.get(Setting::PinExpirationDays);
        match (pin.must_change, days) {
            (true, _) => Some(pin.set_at.0),
            (false, 0) => None,
            (false, days) => Some(pin.set_at.0 + days * DAY),
        }
    }

    pub(super) fn answer_stands(
        &self,
        at: At<'_>,
        outcome: &Outcome,
        person: Option<&Person>,
    ) -> Result<(), Refusal> {
        if self.challenges.iter().any(|open| open.id == outcome.challenge) {
            return Err(Refusal::IdTaken);
        }
        match &outcome.answer {
            None => Ok(()),
            Some(_) if person.is_some_and(|it| it.revision > at.proposal.seen) => {
                Err(Refusal::Stale)
            }
            Some(ChallengeAnswer { pin: Ok(chosen), .. }) => self.under_active_key(&chosen.sealed),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn ask_for_pin(&mut self, person: &Person, outcome: &Outcome) -> Decision {
        let of_person = |open: &&Challenge| open.user == person.id;
        let is_full = self.challenges.iter().filter(of_person).count() == OPEN;
        if is_full {
            let oldest = self.challenges.iter().filter(of_person);
            let oldest = oldest.min_by_key(|open| (open.expires_at, open.id)).unwrap().id;
            self.challenges.retain(|open| open.id != oldest);
        }
        self.note_if(is_full, "a challenge gives way to a newer one");
        self.note_if(!person.wrong.is_empty(), "a challenge forgives nothing");
        self.ask(person.id, outcome, None, 0, Prompt::NewPin)
    }

    /// A tick takes those away whose time is over.
    pub(super) fn end_challenges(&mut self) {
        let (open, now) = (self.challenges.len(), self.now);
        self.challenges.retain(|row| row.expires_at.0 > now);
        self.note_if(open > self.challenges.len(), "a challenge is over");
    }

    fn ask(
        &mut self,
        user: UserId,
        outcome: &Outcome,
        chosen: Option<Fingerprint>,
        tries: u8,
        prompt: Prompt,
    ) -> Decision {
        let life = self.settings.get(Setting::ChallengeLife) * 1000;
        self.challenges.push(Challenge {
            id: outcome.challenge,
            user,
            application: outcome.application,
            chosen,
            tries,
            expires_at: Timestamp(self.now + life),
        });
        Decision::Challenge { id: outcome.challenge, prompt }
    }

    pub(super) fn asked(
        &mut self,
        outcome: &Outcome,
        answer: &ChallengeAnswer,
        person: &Person,
    ) -> Option<Challenge> {
        let place = self.challenges.iter().position(|open| open.id == answer.challenge);
        let open = self.challenges[place?].clone();
        let by_another = open.user == person.id && open.application != outcome.application;
        self.note_if(open.user != person.id, "the answer of another person");
        self.note_if(by_another, "the answer by another application");
        self.note_if(open.expires_at.0 == self.now, "an answer as the challenge ends");
        self.note_if(open.expires_at.0 == self.now + 1, "an answer at the last millisecond");
        let asked = open.user == person.id && !by_another && self.now < open.expires_at.0;
        asked.then_some(open)
    }

    pub(super) fn answer(
        &mut self,
        at: At<'_>,
        outcome: &Outcome,
        open: &Challenge,
        answer: &ChallengeAnswer,
        person: &Person,
    ) -> Decision {
        self.challenges.retain(|other| other.id != open.id);
        let (next, prompt) = match &answer.pin {
            Err(fault) => (None, Prompt::OtherPin(*fault)),
            Ok(pin) => match open.chosen {
                None => (Some(pin.fingerprint), Prompt::NewPinAgain),
                Some(chosen) if chosen != pin.fingerprint => (None, Prompt::PinsDiffer),
                Some(_) => {
                    let set_at = Timestamp(self.now);
                    let several = self.challenges.iter().any(|open| open.user == person.id);
                    self.note_if(several, "a new PIN ends other challenges");
                    self.note_if(!person.wrong.is_empty(), "failures are forgiven by a new PIN");
                    self.challenges.retain(|open| open.user != person.id);
                    let person = self.person(person.id).unwrap();
                    let sealed = pin.sealed.clone();
                    person.pin = Some(UserPin { sealed, set_at, must_change: false });
                    person.changed_at = at.index;
                    person.revision = at.index;
                    return Decision::Allow;
                }
            },
        };
        let tries = if next.is_some() { open.tries } else { open.tries + 1 };
        self.note_if(next.is_some() && tries > 0, "a PIN is taken after one that was not");
        if tries == TRIES {
            return Decision::Deny(Denial::NewPinRefused);
        }
        self.ask(person.id, outcome, next, tries, prompt)
    }
}
