//! One question to the cluster, answered by the first server that can.

use std::{error::Error as _, time::Duration};

use tokio::time::{Instant, timeout};
use tonic::{
    Code, Request, Response, Status, Streaming, metadata::MetadataValue, transport::Channel,
};

use crate::{
    connect,
    context::{BearerToken, Context},
    error::{self, Failure},
    exit::Exit,
    request_id::RequestId,
    retry::{self, Again, Limits, Miss},
    server_address::ServerAddress,
};

/// Metadata key under which a write is known, so that it is done once however often it is sent.
const REQUEST_ID: &str = "symbolon-request-id";
/// Metadata key of the time that a server has.
const TIMEOUT: &str = "grpc-timeout";
/// One attempt, where there are other servers to try. A server that gives up on a verification says
/// so after 10 s.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(11);
/// Servers remember a request for 30 s; a question that comes later would be a new one.
const REPEAT_WITHIN: Duration = Duration::from_secs(25);

impl Context {
    /// Asks for something that changes nothing.
    pub(crate) async fn read<Q: Clone, A>(
        &self,
        question: Q,
        call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.ask(&question, None, self.timeout, call).await
    }

    /// Asks for an answer in many parts, which may take longer than its beginning.
    pub(crate) async fn follow<Q: Clone, A>(
        &self,
        question: Q,
        call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.ask(&question, None, self.timeout, without_timeout(call)).await
    }

    /// Asks for an answer in many parts that is recorded: once, however many servers are asked for it.
    pub(crate) async fn follow_recorded<Q: Clone, A>(
        &self,
        question: Q,
        call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let id = Some((REQUEST_ID, new_id()?));
        self.ask(&question, id, REPEAT_WITHIN, without_timeout(call)).await
    }

    /// The next part of such an answer, which tells itself when it is the last.
    pub(crate) async fn next_part<A>(&self, answers: &mut Streaming<A>) -> Result<A, Status> {
        match timeout(self.timeout, answers.message()).await {
            Ok(part) => part?.ok_or_else(cut_off),
            Err(_) => Err(Status::deadline_exceeded("no more of the answer")),
        }
    }

    /// Asks for a change. Every server that is asked gets the same request id.
    pub(crate) async fn write<Q: Clone, A>(
        &self,
        question: Q,
        call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.ask(&question, Some((REQUEST_ID, new_id()?)), REPEAT_WITHIN, call).await
    }

    /// Asks for what carries its request id in the question.
    pub(crate) async fn decide<Q: Clone, A>(
        &self,
        question: Q,
        call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.ask(&question, None, REPEAT_WITHIN, call).await
    }

    async fn ask<Q: Clone, A>(
        &self,
        question: &Q,
        id: Option<(&'static str, MetadataValue<tonic::metadata::Ascii>)>,
        repeat_within: Duration,
        call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let limits = Limits { total: self.timeout, attempt: ATTEMPT_TIME_MAX, repeat_within };
        retry::in_turn(&self.servers, limits, async |server, time| {
            let end = Instant::now() + time;
            let channel = connect::channel(server, self.tls.as_ref(), time).await?;
            let time = end.saturating_duration_since(Instant::now());
            let mut request =
                bearing(question.clone(), self.token.as_ref().filter(|_| !server.is_local()));
            request.set_timeout(time);
            if let Some((key, id)) = &id {
                request.metadata_mut().insert(*key, id.clone());
            }
            match timeout(time, call(channel, request)).await {
                Ok(Ok(answer)) => Ok(answer.into_inner()),
                Ok(Err(status)) => Err(missed(server, &status)),
                Err(_) => Err(missed(server, &Status::deadline_exceeded(""))),
            }
        })
        .await
    }
}

/// An answer that ended before its last part.
pub(crate) fn cut_off() -> Status {
    Status::unavailable("the answer was cut off")
}

fn new_id() -> Result<MetadataValue<tonic::metadata::Ascii>, Failure> {
    let id = RequestId::random()?.to_string();
    MetadataValue::try_from(id).map_err(|error| {
        let what = format!("The request id is no metadata: {error}.");
        Failure::new(Exit::Software, what, "Report this as a defect.")
    })
}

/// A request of whoever has this token.
pub(crate) fn bearing<Q>(question: Q, token: Option<&BearerToken>) -> Request<Q> {
    let mut request = Request::new(question);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", token.metadata());
    }
    request
}

/// The time is for the beginning of an answer; the server is told of none.
fn without_timeout<Q, A>(
    call: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
) -> impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status> {
    async move |channel, mut request: Request<Q>| {
        request.metadata_mut().remove(TIMEOUT);
        call(channel, request).await
    }
}

/// What a status means for the search for an answer.
fn missed(server: &ServerAddress, status: &Status) -> Miss {
    let failure = Failure::status(&server.to_string(), status);
    match status.code() {
        // tonic says `Cancelled` when the time it was given ran out.
        Code::DeadlineExceeded | Code::Cancelled => Miss::Next { failure, again: Again::Silent },
        // A source is an error of this side: the connection broke. No server said this.
        _ if status.source().is_some() => Miss::Next {
            failure: connect::unreachable(server, "the connection broke"),
            again: Again::Soon,
        },
        Code::Unavailable => Miss::Next {
            failure,
            again: error::retry_delay(status).map_or(Again::Soon, Again::After),
        },
        _ => Miss::Final(failure),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn again(status: &Status) -> Option<Again> {
        match missed(&"127.0.0.1:1".parse().unwrap(), status) {
            Miss::Final(_) => None,
            Miss::Next { again, .. } => Some(again),
        }
    }

    #[test]
    fn only_what_another_server_may_do_better_goes_on() {
        for code in (1..=16).map(Code::from_i32) {
            let expected = match code {
                Code::Unavailable => Some(Again::Soon),
                Code::DeadlineExceeded | Code::Cancelled => Some(Again::Silent),
                _ => None,
            };
            assert_eq!(again(&Status::new(code, "")), expected, "{code:?}");
        }
    }

    #[test]
    fn the_server_says_when_to_come_back() {
        let delay = Duration::from_millis(700);
        let details = ErrorDetails::with_retry_info(Some(delay));
        let status = Status::with_error_details(Code::Unavailable, "no master", details);
        assert_eq!(again(&status), Some(Again::After(delay)));
    }

    #[test]
    fn a_broken_connection_is_tried_again() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let status = Status::from_error(Box::new(broken));
        assert_eq!(again(&status), Some(Again::Soon));
    }
}
