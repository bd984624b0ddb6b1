//! Tokens: giving, proving, setting and taking them.

use symbolon_core::{
    AuditRow, ConfirmToken, EnrollToken, Match, Refusal, RemoveToken, Reply, ResyncToken, Sealed,
    Setting, Timestamp, Token, TokenId,
};

use super::settings::Set;
use super::{At, Decided, Model, key_of};

const TOKENS_OF_A_USER: usize = 16;
/// Time steps that two codes in a row may be off.
const RESYNC_OFF: i128 = 100;
/// Counters that two codes in a row may be ahead.
const RESYNC_AHEAD: u64 = 1000;

/// Whether a code of this step is looked at when it is shown at `at`. Of a counter the last used step
/// is looked at too: it is told from a wrong code.
pub(super) fn is_looked_at(settings: &Set, token: &Token, step: u64, at: Timestamp) -> bool {
    match steps_of_time(token, at) {
        Some(now) => {
            let now = (now + i128::from(token.drift)).max(0);
            let off = i128::from(settings.get(Setting::TotpWindow));
            (now - off..=now + off).contains(&i128::from(step))
        }
        None => {
            let ahead = settings.get(Setting::HotpLookAhead);
            step > 0 && step >= token.mark && step <= token.mark + ahead
        }
    }
}

/// Time steps since 1970; nothing for a counter.
fn steps_of_time(token: &Token, at: Timestamp) -> Option<i128> {
    let seconds = token.parameters.period_seconds()?;
    Some(i128::from(at.0) / 1000 / i128::from(seconds))
}

impl Model {
    fn token(&mut self, id: TokenId) -> Result<&mut Token, Refusal> {
        self.tokens.iter_mut().find(|token| token.id == id).ok_or(Refusal::NoSuchToken)
    }

    /// A secret under another key than the active one was sealed by a node that was behind.
    pub(super) fn under_active_key(&self, sealed: &Sealed) -> Result<(), Refusal> {
        if key_of(sealed) == Some(self.active_key()) { Ok(()) } else { Err(Refusal::Stale) }
    }

    pub(super) fn enroll_token(&mut self, at: At<'_>, command: &EnrollToken) -> Decided {
        self.person(command.user)?;
        if command.token.0 == 0 || self.tokens.iter().any(|token| token.id == command.token) {
            return Err(Refusal::IdTaken);
        }
        let has_serial = command.serial.is_some();
        if has_serial && self.tokens.iter().any(|token| token.serial == command.serial) {
            return Err(Refusal::SerialTaken);
        }
        self.under_active_key(&command.seed)?;
        let person = self.person(command.user)?;
        if person.tokens.len() == TOKENS_OF_A_USER {
            return Err(Refusal::LimitReached);
        }
        let had_failed = !person.wrong.is_empty();
        person.tokens.push(command.token);
        person.wrong.clear();
        person.changed_at = at.index;
        person.revision = at.index;
        self.note_if(had_failed, "failures are forgiven by enrolment");
        let is_new = command.parameters.period_seconds().is_none() && self.epoch() > 1;
        let epoch = if is_new { self.epoch() } else { 0 };
        self.tokens.push(Token {
            id: command.token,
            user: command.user,
            parameters: command.parameters,
            seed: command.seed.clone(),
            serial: command.serial.clone(),
            pending: command.pending,
            mark: command.mark,
            drift: 0,
            epoch,
            awaits_second: false,
            created_at: Timestamp(self.now),
            changed_at: at.index,
        });
        self.tell(at, AuditRow::TokenEnrolled { user: command.user, token: command.token });
        Ok(Reply::TokenEnrolled(command.token))
    }

    pub(super) fn confirm_token(&mut self, at: At<'_>, command: &ConfirmToken) -> Decided {
        let Match { token: id, step } = command.shown;
        let made_at = at.proposal.made_at;
        let settings = self.settings.clone();
        let token = self.token(id)?;
        if !token.pending {
            return Err(Refusal::WrongPhase);
        }
        if !is_looked_at(&settings, token, step, made_at) || step <= token.mark {
            return Err(Refusal::StepRefused);
        }
        let shown = token.clone();
        if self.is_of_before(&shown, step) {
            self.notes.push("a token is proved by a code of before a seize");
            return Err(Refusal::StepRefused);
        }
        let token = self.token(id)?;
        token.pending = false;
        token.mark = step;
        token.changed_at = at.index;
        let user = token.user;
        self.tell(at, AuditRow::TokenConfirmed { user, token: id, step });
        Ok(Reply::TokenChanged(id))
    }

    pub(super) fn resync_token(&mut self, at: At<'_>, command: &ResyncToken) -> Decided {
        let Match { token: id, step } = command.shown;
        let made_at = at.proposal.made_at;
        let token = self.token(id)?;
        let off = steps_of_time(token, made_at).map(|now| i128::from(step) - now);
        let is_near = match off {
            Some(off) => (-RESYNC_OFF..=RESYNC_OFF).contains(&off),
            None => step <= token.mark + RESYNC_AHEAD,
        };
        if !is_near || step <= token.mark {
            return Err(Refusal::StepRefused);
        }
        let shown = token.clone();
        if self.is_of_before(&shown, step) {
            self.notes.push("a token is set by codes of before a seize");
            return Err(Refusal::StepRefused);
        }
        self.settle_shown(id);
        let token = self.token(id)?;
        token.drift = off.map_or(0, |off| i32::try_from(off).unwrap());
        let is_far = off.map_or(step == token.mark + RESYNC_AHEAD, |off| off.abs() == RESYNC_OFF);
        token.mark = step;
        token.changed_at = at.index;
        let (user, drift) = (token.user, token.drift);
        self.note_if(is_far, "a token is set as far as it goes");
        self.tell(at, AuditRow::TokenResynchronised { user, token: id, step, drift });
        Ok(Reply::TokenChanged(id))
    }

    /// An accepted code tells where the clock of its token stands, if that is to be remembered.
    pub(super) fn remember_clock(&mut self, at: At<'_>, id: TokenId) {
        let remembers = self.settings.get(Setting::TotpDriftMemory) == 1;
        let token = self.tokens.iter_mut().find(|row| row.id == id).unwrap();
        let Some(now) = steps_of_time(token, at.proposal.made_at).filter(|_| remembers) else {
            return;
        };
        let off = i128::from(token.mark) - now;
        let is_far = !(-RESYNC_OFF..=RESYNC_OFF).contains(&off);
        let moves = !is_far && off != i128::from(token.drift);
        if moves {
            token.drift = i32::try_from(off).unwrap();
            token.changed_at = at.index;
        }
        self.note_if(moves, "the drift of a token follows a code");
        self.note_if(is_far, "the drift of a token stays at its bound");
    }

    pub(super) fn remove_token(&mut self, at: At<'_>, command: &RemoveToken) -> Decided {
        let user = self.token(command.token)?.user;
        self.tokens.retain(|token| token.id != command.token);
        let person = self.person(user)?;
        person.tokens.retain(|token| *token != command.token);
        person.changed_at = at.index;
        person.revision = at.index;
        self.tell(at, AuditRow::TokenRemoved { user, token: command.token });
        Ok(Reply::TokenChanged(command.token))
    }
}
