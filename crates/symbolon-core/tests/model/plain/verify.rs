//! What becomes of a code.

use symbolon_core::{
    ApplicationId, AuditRow, Denial, Match, Outcome, Refusal, Reply, Setting, Standing, Timestamp,
    Token, Verdict, Verified,
};

use super::tokens::is_looked_at;
use super::{At, Decided, Model, Person};

/// Steps that one outcome may name.
const MATCHES: usize = 16;

impl Model {
    pub(super) fn verify(&mut self, at: At<'_>, outcome: &Outcome) -> Decided {
        let whose = self.whose(&outcome.user_name).cloned();
        let person = whose.as_ref().ok().cloned();
        self.is_up_to_date(at, outcome, person.as_ref())?;
        let mut spent = Vec::new();
        let denial = match &whose {
            Err(denial) => Some(*denial),
            Ok(person) => self.judge(at, outcome, person, &mut spent),
        };
        if person.is_none() && !self.meet_stranger(at, outcome.application) {
            return Ok(Reply::Verified(Verdict { denial, failures: 0 }));
        }
        let by_short_name = person.as_ref().is_some_and(|it| it.name != outcome.user_name);
        self.note_if(by_short_name, "a short name stands for one user");
        let failures = person.map_or(0, |person| {
            let now = self.now;
            let person = self.person(person.id).unwrap();
            match denial {
                None => person.wrong.clear(),
                Some(Denial::CodeMismatch) => person.wrong.push((outcome.application, now)),
                Some(_) => {}
            }
            u32::try_from(person.wrong.len()).unwrap()
        });
        for Match { token, step } in &spent {
            let token = self.tokens.iter_mut().find(|row| row.id == *token).unwrap();
            token.mark = *step;
            if token.parameters.period_seconds().is_none() {
                token.changed_at = at.index;
            }
        }
        let verdict = Verdict { denial, failures };
        let verified = Verified {
            user_name: outcome.user_name.clone(),
            user: outcome.user,
            application: outcome.application,
            client_ip: outcome.client_ip.clone(),
            method: outcome.method,
            verdict,
            spent,
        };
        self.tell(at, AuditRow::Verified(verified));
        Ok(Reply::Verified(verdict))
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
        let theirs = |token: &&Token| Some(token.user) == outcome.user;
        changes.extend(self.tokens.iter().filter(theirs).map(|token| token.changed_at));
        if changes.into_iter().all(|changed_at| changed_at <= at.proposal.seen) {
            Ok(())
        } else {
            Err(Refusal::Stale)
        }
    }

    /// Why it is denied, if it is; otherwise which steps are spent by it.
    fn judge(
        &mut self,
        at: At<'_>,
        outcome: &Outcome,
        person: &Person,
        spent: &mut Vec<Match>,
    ) -> Option<Denial> {
        self.note_standing(person, outcome.application);
        match self.standing(person, Some(outcome.application), self.now) {
            Standing::Disabled => return Some(Denial::Disabled),
            Standing::Blocked => return Some(Denial::Blocked),
            Standing::Locked => return Some(Denial::Locked),
            Standing::Waiting(_) => return Some(Denial::Waiting),
            Standing::ShareSpent => return Some(Denial::ShareSpent),
            Standing::NoToken => return Some(Denial::NoToken),
            Standing::Active => {}
        }
        let made_at = at.proposal.made_at;
        let mut right = Vec::new();
        for shown in outcome.matches.iter().take(MATCHES) {
            let token = self.tokens.iter().find(|token| token.id == shown.token);
            let token = token.filter(|token| token.user == person.id && !token.pending);
            if let Some(token) = token.filter(|token| is_looked_at(token, shown.step, made_at)) {
                right.push((*shown, shown.step <= token.mark));
            }
        }
        let is_used = right.iter().any(|(_, is_used)| *is_used);
        let is_new = right.iter().any(|(_, is_used)| !is_used);
        self.note_if(is_used && is_new, "a code is new for one token and used for another");
        self.note_if(outcome.matches.len() > MATCHES, "more steps than an outcome may name");
        if is_used {
            return Some(Denial::CodeAlreadyUsed);
        }
        if right.is_empty() {
            return Some(Denial::CodeMismatch);
        }
        for (shown, _) in right {
            match spent.iter_mut().find(|known| known.token == shown.token) {
                Some(known) => known.step = known.step.max(shown.step),
                None => spent.push(shown),
            }
        }
        self.note_if(spent.len() > 1, "a code is spent for several tokens");
        self.note_if(!person.wrong.is_empty(), "failures are forgiven by a right code");
        None
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
        if person.disabled {
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
        } else if !has_token {
            Standing::NoToken
        } else {
            Standing::Active
        }
    }

    /// H, less what each node keeps back.
    pub(crate) fn failures_until_locked(&self) -> u64 {
        let kept_back = self.settings.get(Setting::IslandAllowance) * self.nodes.len() as u64;
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
