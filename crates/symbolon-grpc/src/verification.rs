//! `VerificationService`.

use std::sync::Arc;

use symbolon_core::{ChallengeId, Decision, Denial, RequestId};
use symbolon_proto::{reason_detail, v1};
use symbolon_service::{Principal, Service, ServiceError, VerifyReply, VerifyRequest};
use tonic::{Request, Response, Status};

use crate::call::{Call, VERIFY_TIMEOUT};
use crate::prompt;
use crate::status::{code_name, to_status};

pub(crate) struct Verification(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::verification_service_server::VerificationService for Verification {
    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<v1::VerifyResponse>, Status> {
        let call = Call::accept(&self.0, request, VERIFY_TIMEOUT).await.inspect_err(|status| {
            count("refused", code_name(status.code()));
        })?;
        let id = match &call.message.request_id[..] {
            [] => call.request_id.unwrap_or_else(|| self.0.new_request_id()),
            bytes => RequestId::from_slice(bytes).ok_or_else(|| {
                to_status(&ServiceError::InvalidArgument {
                    field: "request_id",
                    problem: "it has not 16 bytes".to_owned(),
                })
            })?,
        };
        let is_answer = !call.message.state.is_empty();
        let result = self.decide(&call.principal, call.message, id, call.deadline).await;
        log(id, &call.principal, &result);
        let reply = result.map_err(|error| to_status(&error))?;
        Ok(Response::new(self.response(&call.principal, (id, is_answer), reply)))
    }
}

impl Verification {
    async fn decide(
        &self,
        principal: &Principal,
        message: v1::VerifyRequest,
        id: RequestId,
        deadline: tokio::time::Instant,
    ) -> Result<VerifyReply, ServiceError> {
        match v1::Method::try_from(message.method) {
            Ok(v1::Method::Unspecified | v1::Method::Otp) => {}
            Err(_) => {
                return Err(ServiceError::InvalidArgument {
                    field: "method",
                    problem: "it is none of the known".to_owned(),
                });
            }
        }
        let state = match &message.state[..] {
            [] => None,
            bytes => Some(ChallengeId::from_slice(bytes).ok_or_else(|| {
                ServiceError::InvalidArgument {
                    field: "state",
                    problem: "it has not 16 bytes".to_owned(),
                }
            })?),
        };
        let request = VerifyRequest {
            username: message.username,
            application: message.application,
            client_ip: message.client_ip,
            code: message.code,
            state,
            request_id: Some(id),
            context: message.context,
            ..VerifyRequest::default()
        };
        self.0.verify(principal, request, deadline).await
    }

    fn response(
        &self,
        principal: &Principal,
        (id, is_answer): (RequestId, bool),
        reply: VerifyReply,
    ) -> v1::VerifyResponse {
        let mut response = v1::VerifyResponse {
            node: self.0.ledger().identity().name.to_string(),
            log_index: reply.index.0,
            island: reply.island,
            request_id: id.0.to_vec(),
            ..v1::VerifyResponse::default()
        };
        match reply.verdict.decision {
            Decision::Allow => response.set_decision(v1::Decision::Allow),
            Decision::Challenge { id, prompt } => {
                response.set_decision(v1::Decision::Challenge);
                response.state = id.0.to_vec();
                let settings = self.0.ledger().view().state.settings();
                response.prompt = symbolon_service::prompt_text(prompt, settings.pin_rules());
                response.set_prompt_kind(prompt::kind(prompt));
            }
            Decision::Deny(denial) => {
                response.set_decision(v1::Decision::Deny);
                response.set_reason(match denial {
                    Denial::CodeAlreadyUsed => v1::Reason::CodeAlreadyUsed,
                    Denial::ChallengeExpired => v1::Reason::ChallengeExpired,
                    // Of what was never asked: nobody is told whether there is whom to ask.
                    Denial::UnknownUser | Denial::AmbiguousName if is_answer => {
                        v1::Reason::ChallengeExpired
                    }
                    _ => v1::Reason::Denied,
                });
                // Strangers do not learn whether a user exists.
                if principal.learns_details() {
                    response.set_reason_detail(reason_detail(denial));
                }
            }
        }
        response
    }
}

fn count(decision: &'static str, reason: &'static str) {
    metrics::counter!("symbolon_verifications_total", "decision" => decision, "reason" => reason)
        .increment(1);
}

fn log(id: RequestId, principal: &Principal, result: &Result<VerifyReply, ServiceError>) {
    let caller = principal.name.as_str();
    match result {
        Ok(reply) => {
            let (decision, reason) = match reply.verdict.decision {
                Decision::Allow => ("ALLOW", ""),
                Decision::Deny(denial) => ("DENY", denial.name()),
                Decision::Challenge { prompt, .. } => ("CHALLENGE", prompt.name()),
            };
            count(decision, reason);
            tracing::debug!(
                request_id = %id, caller, decision, reason, index = reply.index.0, "verification"
            );
        }
        Err(error) => {
            count("refused", code_name(to_status(error).code()));
            tracing::warn!(request_id = %id, caller, %error, "verification not decided");
        }
    }
}
