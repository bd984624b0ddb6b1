//! Verifying a second factor.

use symbolon_core::limits::{CLIENT_IP_BYTES_MAX, CODE_BYTES_MAX, CONTEXT_BYTES_MAX};
use symbolon_core::otp::MovingFactor;
use symbolon_core::pin::Typed;
use symbolon_core::recovery::RecoveryCode;
use symbolon_core::{
    Answer, ApplicationId, Caller, ChallengeId, Command, Fingerprint, FirstFactor, LogIndex,
    Method, Operation, Outcome, Proposal, Refusal, Reply, RequestId, State, Timestamp, Token,
    UserName, Verdict,
};
use tokio::time::Instant;

use crate::answer::TypedAnswer;
use crate::evaluate::evaluate;
use crate::fingerprint::fingerprint;
use crate::names;
use crate::ports::{Answered, Lane, VaultError, View};
use crate::principal::Principal;
use crate::service::{LATE_MAX, reused_request_id};
use crate::{Service, ServiceError};

/// How often a verification is evaluated again before it is given up.
const ATTEMPTS_MAX: usize = 50;

/// What a caller asks, as it came.
#[derive(Clone, Default)]
pub struct VerifyRequest {
    /// As typed.
    pub username: String,
    /// Empty: the caller's own.
    pub application: String,
    /// For the audit.
    pub client_ip: String,
    /// As typed.
    pub code: String,
    /// The challenge to which the code is the answer.
    pub state: Option<ChallengeId>,
    /// `None`: drawn here.
    pub request_id: Option<RequestId>,
    /// What the user should see.
    pub context: String,
    /// What became of the first factor, where a front end asks for it.
    pub first_factor: FirstFactor,
}

impl std::fmt::Debug for VerifyRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyRequest")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyReply {
    /// What was decided.
    pub verdict: Verdict,
    /// Where in the log; of an island, up to where it knew it.
    pub index: LogIndex,
    /// Decided by a node that no quorum is in reach of, without the log.
    pub island: bool,
}

/// A request whose fields are in order.
struct Question {
    caller: Caller,
    application: ApplicationId,
    user_name: UserName,
    typed: Typed,
    /// The same as a recovery code, if it has the form of one.
    recovery: Option<RecoveryCode>,
    /// The same as the answer to a challenge, if it is one.
    answer: Option<TypedAnswer>,
    client_ip: String,
    id: RequestId,
    fingerprint: Fingerprint,
    first_factor: FirstFactor,
}

impl Service {
    /// Draws a request id for a caller that sent none.
    #[must_use]
    pub fn new_request_id(&self) -> RequestId {
        self.draw_request_id()
    }

    /// Decides whether a user's second factor is good.
    ///
    /// # Errors
    /// [`ServiceError`] when nothing was decided. A denial is no error.
    pub async fn verify(
        &self,
        principal: &Principal,
        request: VerifyRequest,
        deadline: Instant,
    ) -> Result<VerifyReply, ServiceError> {
        Self::may(principal, Operation::Verify)?;
        let _place = self.admission.verification(principal.caller)?;
        let question = self.question(principal, request, deadline).await?;
        let mut late = 0;
        let mut caught_up = false;
        for _ in 0..ATTEMPTS_MAX {
            let Question { caller, id, fingerprint, .. } = question;
            let view = self.ledger.view_of(&question.user_name, caller, id);
            if let Some(first) = self.first_answer(&view, caller, id, fingerprint)? {
                return decided(Answered { answer: first, island: false });
            }
            if let Some(first) = self.ledger.decided_apart(caller, id) {
                let same = first.fingerprint == fingerprint;
                let first = Answered { answer: first.answer, island: true };
                return if same { decided(first) } else { Err(reused_request_id()) };
            }
            self.still_there(&view.state, principal)?;
            let may_be_untold = self.ledger.is_clock_off() && question.answer.is_none();
            let proposal = match self.propose_outcome(&question, &view) {
                Err(ServiceError::ClockOff) => return Err(ServiceError::ClockOff),
                // A view from before a change of the data key may need a key that is gone.
                Err(_) if !caught_up => {
                    caught_up = true;
                    self.pass_barrier(deadline).await?;
                    continue;
                }
                proposal => proposal?,
            };
            let answered = self.ledger.propose(proposal, Lane::Verification, deadline).await?;
            let answer = answered.answer;
            // The outcome grew old while it waited for a master: evaluate it anew, unless it is
            // the clocks that are apart.
            if answer.reply == Reply::Refused(Refusal::Late) && late < LATE_MAX {
                late += 1;
                continue;
            }
            if let Some(reply) = self.settle(answer, deadline).await? {
                let answer = Answer { reply, ..answer };
                let reply = decided(Answered { answer, ..answered })?;
                // Whoever is denied for a code of a time is not told so here: no more is told of others.
                let is_told = reply.verdict.denial().is_none() || !may_be_untold;
                return if is_told { Ok(reply) } else { Err(ServiceError::ClockOff) };
            }
        }
        Err(ServiceError::NoMaster)
    }

    fn propose_outcome(&self, question: &Question, view: &View) -> Result<Proposal, ServiceError> {
        let made_at = self.clock.now();
        let outcome = self.outcome(question, view, made_at).map_err(|error| {
            tracing::warn!(request_id = %question.id, %error, "a sealed field of a user does not open");
            ServiceError::Internal
        })?;
        if self.ledger.is_clock_off() && needs_time(&view.state, &outcome) {
            return Err(ServiceError::ClockOff);
        }
        Ok(Proposal {
            caller: question.caller,
            request_id: question.id,
            fingerprint: question.fingerprint,
            seen: view.applied,
            made_at,
            node: self.ledger.identity().node,
            command: Command::Verify(outcome),
        })
    }

    fn outcome(
        &self,
        question: &Question,
        view: &View,
        made_at: Timestamp,
    ) -> Result<Outcome, VaultError> {
        let name = &question.user_name;
        let mut challenge = ChallengeId::default();
        self.entropy.fill_id(&mut challenge.0);
        let outcome = Outcome {
            user_name: name.clone(),
            user: None,
            application: question.application,
            method: Method::Otp,
            client_ip: question.client_ip.clone(),
            matches: Vec::new(),
            wrong_pin: Vec::new(),
            recovery_code: None,
            challenge,
            answer: None,
            first_factor: question.first_factor,
        };
        if question.first_factor != FirstFactor::Good {
            let user = view.state.account(name).user().map(|user| user.id);
            return Ok(Outcome { user, ..outcome });
        }
        if let Some(answer) = &question.answer {
            let (user, answer) = self.judge_answer(&view.state, name, answer)?;
            return Ok(Outcome { user, answer: Some(answer), ..outcome });
        }
        let evaluation = evaluate(
            &view.state,
            &*self.vault,
            &self.nobody(view.state.active_data_key()),
            name,
            (&question.typed, question.recovery.as_ref()),
            made_at,
        )?;
        Ok(Outcome {
            user: evaluation.user,
            matches: evaluation.matches,
            wrong_pin: evaluation.wrong_pin,
            recovery_code: evaluation.recovery_code,
            ..outcome
        })
    }

    async fn question(
        &self,
        principal: &Principal,
        request: VerifyRequest,
        deadline: Instant,
    ) -> Result<Question, ServiceError> {
        within("client_ip", &request.client_ip, CLIENT_IP_BYTES_MAX)?;
        within("code", &request.code, CODE_BYTES_MAX)?;
        within("context", &request.context, CONTEXT_BYTES_MAX)?;
        if !request.client_ip.is_empty() && request.client_ip.parse::<std::net::IpAddr>().is_err() {
            return Err(ServiceError::invalid("client_ip", "it is no IPv4 or IPv6 address"));
        }
        let user_name = names::user_name(&request.username)?;
        let application = self.application(principal, &request.application, deadline).await?;
        let (asked_for, first_factor) =
            (application.0.to_be_bytes(), request.first_factor.number().to_be_bytes());
        let mut fields = vec![
            user_name.as_str().as_bytes(),
            &asked_for,
            b"totp",
            request.code.as_bytes(),
            request.context.as_bytes(),
            request.state.as_ref().map_or(&[][..], |state| &state.0[..]),
        ];
        // Counts where it says something: others keep the fingerprint that releases before gave them.
        if request.first_factor != FirstFactor::Good {
            fields.push(&first_factor);
        }
        let fingerprint = fingerprint(&*self.vault, "verify", &fields);
        Ok(Question {
            caller: principal.caller,
            application,
            user_name,
            typed: Typed::new(&request.code),
            recovery: RecoveryCode::parse(&request.code),
            answer: request.state.map(|state| TypedAnswer::new(state, &request.code)),
            client_ip: request.client_ip,
            id: request.request_id.unwrap_or_else(|| self.draw_request_id()),
            fingerprint,
            first_factor: request.first_factor,
        })
    }

    /// The application on whose behalf the caller asks: its own, or the one an administrator names.
    async fn application(
        &self,
        principal: &Principal,
        named: &str,
        deadline: Instant,
    ) -> Result<ApplicationId, ServiceError> {
        let field = "application";
        match principal.caller {
            Caller::Application(id) => {
                if named.is_empty() || named == principal.name.as_str() {
                    Ok(id)
                } else {
                    Err(ServiceError::invalid(
                        field,
                        "the API key belongs to another application; leave the field empty",
                    ))
                }
            }
            Caller::Administrator(_) => {
                if named.is_empty() {
                    let problem = "an administrator names the application to ask for";
                    return Err(ServiceError::invalid(field, problem));
                }
                let name = names::name(field, named)?;
                let find = || {
                    let state = self.ledger.view().state;
                    state.application_by_name(&name).map(|row| row.id)
                };
                if let Some(id) = find() {
                    return Ok(id);
                }
                self.pass_barrier(deadline).await?;
                find().ok_or(ServiceError::NotFound { kind: "application" })
            }
            Caller::Node(_) => Err(ServiceError::PermissionDenied(Operation::Verify.rights())),
        }
    }
}

/// Whether what was found out hangs on the time. A recovery code does not, nor the answer to a challenge,
/// nor a code of somebody whose tokens count. Of everybody else, a name that is nobody's among them,
/// nothing is judged: a wrong code could not be told from a right one, and would count as a guess.
fn needs_time(state: &State, outcome: &Outcome) -> bool {
    let is_over = outcome.first_factor != FirstFactor::Good;
    if is_over || outcome.answer.is_some() || outcome.recovery_code.is_some() {
        return false;
    }
    let user = outcome.user.and_then(|id| state.user(id));
    let tokens = user.map_or(&[][..], |user| &user.tokens[..]);
    let mut tokens = tokens.iter().filter_map(|id| state.token(*id)).peekable();
    let counts = |token: &Token| token.parameters.factor() == MovingFactor::Counter;
    tokens.peek().is_none() || !tokens.all(counts)
}

fn decided(answered: Answered) -> Result<VerifyReply, ServiceError> {
    let Answered { answer, island } = answered;
    match answer.reply {
        Reply::Verified(verdict) => Ok(VerifyReply { verdict, index: answer.index, island }),
        // Only a verification has this fingerprint.
        _ => Err(ServiceError::Internal),
    }
}

fn within(field: &'static str, text: &str, bytes_max: usize) -> Result<(), ServiceError> {
    if text.len() > bytes_max {
        let problem = format!("it is longer than {bytes_max} bytes");
        return Err(ServiceError::invalid(field, problem));
    }
    Ok(())
}
