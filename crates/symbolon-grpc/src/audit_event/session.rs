//! What devices told of sessions.

use symbolon_core::{SessionReport, State, UserId};
use symbolon_proto::v1;

use super::{callers, named_user};

pub(super) fn told(
    state: &State,
    user: Option<UserId>,
    report: &SessionReport,
) -> v1::SessionToldDetails {
    v1::SessionToldDetails {
        application: callers::application(state, report.application),
        device: report.device.to_string(),
        status: report.status.name().to_owned(),
        user: report.name.as_ref().and_then(|name| named_user(user, name)),
        user_name: report.user_name.clone(),
        session: report.session.clone(),
        station: report.station.clone(),
        seconds: report.seconds,
        octets_in: report.octets_in,
        octets_out: report.octets_out,
        cause: report.cause,
    }
}
