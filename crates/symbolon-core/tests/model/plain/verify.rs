//! What becomes of a code.

use symbolon_core::{
    ApplicationId, AuditRow, ChallengeAnswer, Decision, Denial, Exemptions, FirstFactor, Match,
    Outcome, Proof, Refusal, Reply, Setting, Standing, Strangers, Timestamp, Token, UserName,
    Verdict, Verified,
};

use super::tokens::is_looked_at;
use super::{At, Decided, Model, Person};

/// Steps that one outcome may name.
const MATCHES: usize = 16;
/// Milliseconds for which names that are nobody's are counted together.
pub(super) const STRANGERS_TIME: u64 = 60_000;

impl Model {
    pub(super) fn verify(&mut self, at: At<'_>, outcome: &Outcome) -> Decided {
        let meant = self.meant(&outcome.user_name);
        let person = if let [person] = &meant[..] { Some(person.clone()) } else { None };
        self.is_up_to_date(at, outcome, person.as_ref())?;
        self.answer_stands(at, outcome, person.as_ref())?;
        let is_short = person.as_ref().is_some_and(|person| person.name != outcome.user_name);
        self.note_if(is_short, "a short name is one user's");
        let mut spent = Vec::new();
        let mut proof = Proof::Code;
        let decision = match (self.failed(outcome, person.as_ref()), &person) {
            (Some(denial), _) => Decision::Deny(denial),
            (None, None)
                if meant.is_empty() && self.exempt(Some(outcome.application)).unknown_users =>
            {
                self.notes.push("a name that is nobody's is let in");
                proof = Proof::Exempt;
                Decision::Allow
            }
            (None, None) if meant.is_empty() => Decision::Deny(Denial::UnknownUser),
            (None, None) => Decision::Deny(Denial::AmbiguousName),
            (None, Some(person)) => self.judge(at, outcome, person, &mut spent, &mut proof),
        };
        let failures = person.map_or(0, |person| {
            let now = self.now;
            let person = self.person(person.id).unwrap();
            match decision {
                Decision::Allow if proof == Proof::Bypass => person.bypass = None,
                Decision::Allow if proof == Proof::Exempt => {}
                Decision::Allow => person.wrong.clear(),
                Decision::Deny(Denial::CodeMismatch | Denial::WrongPin) => {
                    person.wrong.push((outcome.application, now));
                }
                Decision::Deny(_) | Decision::Challenge { .. } => {}
            }
            u32::try_from(person.wrong.len()).unwrap()
        });
        for Match { token, step } in &spent {
            let accepted = proof == Proof::Code && decision != Decision::Deny(Denial::WrongPin);
            self.settle(&Match { token: *token, step: *step }, accepted);
            let token = self.tokens.iter_mut().find(|row| row.id == *token).unwrap();
            token.mark = *step;
            if token.parameters.period_seconds().is_none() {
                token.changed_at = at.index;
            }
        }
        let verdict = Verdict { decision, failures };
        // Neither a code with a wrong PIN nor one beside a bypass was accepted.
        if verdict.denial().is_none() && proof == Proof::Code {
            spent.iter().for_each(|spent| self.remember_clock(at, spent.token));
        }
        let verified = Verified {
            user_name: outcome.user_name.clone(),
            user: outcome.user,
            application: outcome.application,
            client_ip: outcome.client_ip.clone(),
            method: outcome.method,
            verdict,
            spent,
            proof,
        };
        if verified.user.is_some() || self.meets_stranger(at, outcome.application) {
            let changed = proof == Proof::Challenge && verdict.is_allow();
            let changed = verified.user.filter(|_| changed);
            self.tell(at, AuditRow::Verified(verified));
            if let Some(user) = changed {
                self.tell(at, AuditRow::PinChanged { user });
            }
        }
        Ok(Reply::Verified(verdict))
    }

    /// Nobody who does not know the password learns how an account stands.
    fn failed(&mut self, outcome: &Outcome, person: Option<&Person>) -> Option<Denial> {
        let denial = match outcome.first_factor {
            FirstFactor::Good => return None,
            FirstFactor::Denied => Denial::FirstFactorDenied,
            FirstFactor::Unreachable => Denial::FirstFactorUnreachable,
        };
        let exempt = self.exempt(Some(outcome.application));
        let stranger = person.is_none() && exempt.unknown_users;
        let disabled = exempt.disabled_users && person.is_some_and(|person| person.disabled);
        let bypass = person.and_then(|person| person.bypass.as_ref());
        let bypassed = bypass.is_some_and(|bypass| self.now < bypass.until.0);
        let shown = !outcome.matches.is_empty();
        let had_failed = person.is_some_and(|person| !person.wrong.is_empty());
        self.note_if(stranger, "a name that is nobody's, and no first factor");
        self.note_if(disabled, "somebody who is exempt, and no first factor");
        self.note_if(bypassed, "a bypass, and no first factor");
        self.note_if(shown, "a code, and no first factor");
        self.note_if(had_failed, "failures, and no first factor");
        self.note_if(outcome.answer.is_some(), "an answer, and no first factor");
        Some(denial)
    }

    /// Who can be meant by a name: whose whole name it is, or else all whom it fits.
    pub(super) fn meant(&self, name: &UserName) -> Vec<Person> {
        let people = |fits: &dyn Fn(&str) -> bool| {
            let people = self.people.iter().filter(|person| fits(person.name.as_str()));
            people.cloned().collect::<Vec<_>>()
        };
        let own = people(&|other| other == name.as_str());
        match name.as_str().split_once('@') {
            _ if !own.is_empty() => own,
            None => people(&|other| {
                other.split('@').next() == Some(name.as_str()) && other.contains('@')
            }),
            Some((_, domain)) if domain.contains('.') => own,
            Some((first, domain)) => people(&|other| {
                let (own, rest) = other.split_once('@').unwrap_or_default();
                own == first && rest.split('.').next() == Some(domain) && rest.contains('.')
            }),
        }
    }

    /// Counts a name that is nobody's. Whether it is to be told of: so many are in a minute.
    fn meets_stranger(&mut self, at: At<'_>, application: ApplicationId) -> bool {
        let (now, most) = (self.now, self.settings.get(Setting::UnknownNames));
        let row = self.applications.iter_mut().find(|row| row.id == application).unwrap();
        let before = row.strangers;
        let is_over = before.met > 0 && before.since.0 + STRANGERS_TIME <= now;
        if before.met == 0 || is_over {
            row.strangers = Strangers { since: Timestamp(now), met: 0, untold: 0 };
        }
        row.strangers.met += 1;
        let is_told = u64::from(row.strangers.met) <= most;
        row.strangers.untold += u32::from(!is_told);
        if is_over && before.untold > 0 {
            let (names, since) = (before.untold, before.since);
            self.tell(at, AuditRow::NamesNotAudited { application, names, since });
        }
        self.note_if(is_over && before.untold > 0, "the next name tells of those before");
        self.note_if(!is_told, "a name that no event tells of");
        is_told
    }

    /// Whether nothing that the outcome was computed from has changed since.
    fn is_up_to_date(
        &self,
        at: At<'_>,
        outcome: &Outcome,
        person: Option<&Person>,
    ) -> Result<(), Refusal> {
        let application = self.applications.iter().find(|row| row.id == outcome.application);
        let mut changes = vec![application.ok_or(Refusal::Stale)?.changed_at];
        if outcome.user != person.map(|person| person.id) {
            return Err(Refusal::Stale);
        }
        changes.extend(person.map(|person| person.changed_at));
        // They say what is looked at, whoever is asked about.
        changes.push(self.settings_changed_at());
        let theirs = |token: &&Token| Some(token.user) == outcome.user;
        changes.extend(self.tokens.iter().filter(theirs).map(|token| token.changed_at));
        if changes.into_iter().all(|changed_at| changed_at <= at.proposal.seen) {
            Ok(())
        } else {
            Err(Refusal::Stale)
        }
    }

    /// What is decided, and which steps are spent by it.
    fn judge(
        &mut self,
        at: At<'_>,
        outcome: &Outcome,
        person: &Person,
        spent: &mut Vec<Match>,
        proof: &mut Proof,
    ) -> Decision {
        self.note_standing(person, outcome.application);
        let bypassed = person.bypass.as_ref().is_some_and(|bypass| self.now < bypass.until.0);
        let without_token = bypassed || outcome.recovery_code.is_some();
        let standing = self.standing(person, Some(outcome.application), self.now);
        let barred = barred(standing);
        if let Some(answer) = &outcome.answer {
            *proof = Proof::Challenge;
            return self.judge_answer(at, outcome, answer, person, barred);
        }
        if standing == Standing::Exempt {
            self.note_if(!person.wrong.is_empty(), "an exemption forgives nothing");
            *proof = Proof::Exempt;
            return Decision::Allow;
        }
        match barred {
            Some(Denial::NoToken | Denial::PinExpired) if without_token => {}
            Some(denial) => return Decision::Deny(denial),
            None => {}
        }
        let ends = person.bypass.as_ref().map(|bypass| bypass.until.0);
        self.note_if(bypassed && ends == Some(self.now + 1), "the last millisecond of a bypass");
        self.note_if(ends == Some(self.now), "the end of a bypass");
        if bypassed {
            self.note_if(!person.wrong.is_empty(), "a bypass forgives nothing");
            *proof = Proof::Bypass;
            for shown in [&outcome.matches, &outcome.wrong_pin] {
                let right = self.right(at, shown, person, spent).unwrap_or_default();
                self.note_if(!right.is_empty(), "a right code is spent with a bypass");
                spend(spent, &right);
            }
            return Decision::Allow;
        }
        if let Some(number) = outcome.recovery_code {
            let denial = self.judge_recovery_code(person, number, proof);
            return denial.map_or(Decision::Allow, Decision::Deny);
        }
        let Some(right) = self.right(at, &outcome.matches, person, spent) else {
            return Decision::Deny(Denial::CodeAlreadyUsed);
        };
        if !right.is_empty() {
            spend(spent, &right);
            self.note_if(spent.len() > 1, "a code is spent for several tokens");
            let enough = spent.iter().filter(|shown| self.is_enough(shown)).count();
            self.note_if(enough > 0 && enough < spent.len(), "one of two tokens is enough");
            if enough == 0 {
                return Decision::Deny(Denial::SecondCodeNeeded);
            }
            return self.judge_pin_age(person, outcome);
        }
        match self.right(at, &outcome.wrong_pin, person, spent) {
            None => Decision::Deny(Denial::CodeAlreadyUsed),
            Some(right) if right.is_empty() => Decision::Deny(Denial::CodeMismatch),
            // Whoever has got hold of a code has one guess at the PIN with it.
            Some(right) => {
                spend(spent, &right);
                Decision::Deny(Denial::WrongPin)
            }
        }
    }

    /// Code and PIN are right; whether the PIN must be another.
    fn judge_pin_age(&mut self, person: &Person, outcome: &Outcome) -> Decision {
        let due = self.pin_due(person);
        self.note_if(due == Some(self.now), "a PIN is due as it is typed");
        self.note_if(due == Some(self.now + 1), "the last millisecond of a PIN");
        if due.is_some_and(|due| due <= self.now) {
            return self.ask_for_pin(person, outcome);
        }
        self.note_if(!person.wrong.is_empty(), "failures are forgiven by a right code");
        Decision::Allow
    }

    fn judge_answer(
        &mut self,
        at: At<'_>,
        outcome: &Outcome,
        answer: &ChallengeAnswer,
        person: &Person,
        barred: Option<Denial>,
    ) -> Decision {
        // Who was asked nothing is told nothing of the account.
        let Some(open) = self.asked(outcome, answer, person) else {
            return Decision::Deny(Denial::ChallengeExpired);
        };
        self.note_if(barred.is_some(), "an answer while the account is barred");
        match barred {
            Some(denial) => Decision::Deny(denial),
            None => self.answer(at, outcome, &open, answer, person),
        }
    }

    fn judge_recovery_code(
        &mut self,
        person: &Person,
        number: u8,
        proof: &mut Proof,
    ) -> Option<Denial> {
        if person.codes.is_none() || !(1..=10).contains(&number) {
            return Some(Denial::CodeMismatch);
        }
        *proof = Proof::RecoveryCode(number);
        let bit = 1 << (number - 1);
        match &person.codes {
            Some(codes) if codes.used & bit != 0 => return Some(Denial::CodeAlreadyUsed),
            Some(codes) if self.holds(codes) => return Some(Denial::RecoveryCodesHeld),
            _ => {}
        }
        let codes = self.person(person.id).unwrap().codes.as_mut().unwrap();
        codes.used |= bit;
        self.note_if(!person.wrong.is_empty(), "failures are forgiven by a recovery code");
        self.note_if(person.tokens.is_empty(), "a recovery code without a token");
        None
    }

    /// Which of the codes shown are right and new; `None` if one of them is used. Those that are spent
    /// already by the same question are used.
    fn right(
        &mut self,
        at: At<'_>,
        shown: &[Match],
        person: &Person,
        spent: &[Match],
    ) -> Option<Vec<Match>> {
        let made_at = at.proposal.made_at;
        let mut right = Vec::new();
        for shown in shown.iter().take(MATCHES) {
            let token = self.tokens.iter().find(|token| token.id == shown.token);
            let token = token.filter(|token| token.user == person.id && !token.pending);
            let spent = spent.iter().find(|spent| spent.token == shown.token);
            let token = token.map(|token| {
                let mark = spent.map_or(token.mark, |spent| spent.step);
                Token { mark, ..token.clone() }
            });
            let settings = &self.settings;
            let found = token.filter(|it| is_looked_at(settings, it, shown.step, made_at));
            if let Some(token) = found {
                let is_of_before = self.is_of_before(&token, shown.step);
                right.push((*shown, shown.step <= token.mark || is_of_before));
                self.note_if(
                    is_of_before && shown.step > token.mark,
                    "a code of before a seize counts as used",
                );
            }
        }
        let is_used = right.iter().any(|(_, is_used)| *is_used);
        let is_new = right.iter().any(|(_, is_used)| !is_used);
        self.note_if(is_used && is_new, "a code is new for one token and used for another");
        self.note_if(shown.len() > MATCHES, "more steps than an outcome may name");
        let right = right.into_iter().map(|(shown, _)| shown).collect();
        (!is_used).then_some(right)
    }

    /// What an administrator has said comes first, then how often it was guessed.
    pub(crate) fn standing(
        &self,
        person: &Person,
        application: Option<ApplicationId>,
        at: u64,
    ) -> Standing {
        let failures = person.wrong.len() as u64;
        let wait_until = self.wait_until(person);
        let has_token = self.tokens.iter().any(|token| token.user == person.id && !token.pending);
        let is_let_in = self.exempt(application).disabled_users;
        if person.disabled && !is_let_in {
            Standing::Disabled
        } else if person.block.as_ref().is_some_and(|block| at < block.until.0) {
            Standing::Blocked
        } else if failures >= self.failures_until_locked() {
            Standing::Locked
        } else if at < wait_until {
            Standing::Waiting(Timestamp(wait_until))
        } else if application
            .is_some_and(|id| person.wrong_by(id) as u64 >= self.failures_of_one_application())
        {
            Standing::ShareSpent
        } else if person.disabled {
            Standing::Exempt
        } else if !has_token {
            Standing::NoToken
        } else if self.pin_due(person).is_some_and(|due| due <= at)
            && self.settings.get(Setting::PinChangeInSignIn) == 0
        {
            Standing::PinExpired
        } else {
            Standing::Active
        }
    }

    /// Whom an application lets in; none lets in nobody.
    fn exempt(&self, application: Option<ApplicationId>) -> Exemptions {
        let row = self.applications.iter().find(|row| Some(row.id) == application);
        row.map_or_else(Exemptions::default, |row| row.exempt)
    }

    /// H, less what each node keeps back.
    pub(crate) fn failures_until_locked(&self) -> u64 {
        let kept_back = self.settings.get(Setting::IslandAllowance) * self.guessed_at() as u64;
        self.settings.get(Setting::LockoutHardLimit) - kept_back
    }

    /// Half of H.
    pub(crate) fn failures_of_one_application(&self) -> u64 {
        self.settings.get(Setting::LockoutHardLimit) / 2
    }

    /// From the threshold on a wait; it doubles with each failure after it, up to the longest.
    pub(crate) fn wait_until(&self, person: &Person) -> u64 {
        let failures = person.wrong.len() as u64;
        let threshold = self.settings.get(Setting::LockoutThreshold);
        if failures < threshold {
            return 0;
        }
        let longest = self.settings.get(Setting::LockoutLongestWait);
        let mut seconds = self.settings.get(Setting::LockoutFirstWait);
        for _ in threshold..failures {
            seconds = (2 * seconds).min(longest);
        }
        person.wrong.last().map_or(0, |(_, at)| at + seconds * 1000)
    }

    fn note_standing(&mut self, person: &Person, application: ApplicationId) {
        let failures = person.wrong.len() as u64;
        let standing = self.standing(person, Some(application), self.now);
        let until = self.wait_until(person);
        let waited = until.saturating_sub(person.wrong.last().map_or(0, |(_, at)| *at)) / 1000;
        let first = self.settings.get(Setting::LockoutFirstWait);
        let longest = self.settings.get(Setting::LockoutLongestWait);
        let waits = matches!(standing, Standing::Waiting(_));
        let locked = standing == Standing::Locked;
        let share = standing == Standing::ShareSpent;
        let blocked = standing == Standing::Blocked;
        let over = !(waits || locked || blocked || person.disabled);
        let hard_limit = self.settings.get(Setting::LockoutHardLimit);
        self.note_if(waits && waited == first, "the first wait");
        self.note_if(waits && waited == 2 * first && waited < longest, "a doubled wait");
        self.note_if(waits && waited == longest && first < longest, "the longest wait");
        self.note_if(waits && until == self.now + 1, "the last millisecond of a wait");
        self.note_if(over && failures > 0 && until == self.now, "the end of a wait");
        self.note_if(locked && failures < hard_limit, "locked by what nodes keep back");
        self.note_if(locked && self.nodes.len() > 1, "locked in a cluster of several nodes");
        let others = person.wrong.iter().any(|(by, _)| *by != application);
        self.note_if(share && others, "a share spent, besides failures of others");
        let ends = person.block.as_ref().map(|block| block.until.0);
        self.note_if(blocked && ends == Some(self.now + 1), "the last millisecond of a block");
        self.note_if(!person.disabled && ends == Some(self.now), "the end of a block");
    }
}

const fn barred(standing: Standing) -> Option<Denial> {
    match standing {
        Standing::Disabled => Some(Denial::Disabled),
        Standing::Blocked => Some(Denial::Blocked),
        Standing::Locked => Some(Denial::Locked),
        Standing::Waiting(_) => Some(Denial::Waiting),
        Standing::ShareSpent => Some(Denial::ShareSpent),
        Standing::NoToken => Some(Denial::NoToken),
        Standing::PinExpired => Some(Denial::PinExpired),
        Standing::Exempt | Standing::Active => None,
    }
}

/// Of each token the highest step.
fn spend(spent: &mut Vec<Match>, right: &[Match]) {
    let mut latest: Vec<Match> = Vec::new();
    for shown in right {
        match latest.iter_mut().find(|known| known.token == shown.token) {
            Some(known) => known.step = known.step.max(shown.step),
            None => latest.push(*shown),
        }
    }
    spent.extend(latest);
}
