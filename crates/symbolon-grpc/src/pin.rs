//! PINs.

use symbolon_core::Secret;
use symbolon_proto::v1::{SetPinRequest, set_pin_request::Change};
use symbolon_service::{NewPin, PinDone, Service, ServiceError};

use crate::call::Call;

/// Does what a `SetPinRequest` asks for.
pub(crate) async fn set(
    service: &Service,
    call: Call<SetPinRequest>,
) -> Result<PinDone, ServiceError> {
    let deadline = call.write_deadline();
    let SetPinRequest { username, change, must_change } = call.message;
    let new = match change {
        Some(Change::Pin(pin)) => NewPin::Chosen(Secret::new(pin.into_bytes())),
        Some(Change::Generate(true)) => NewPin::Drawn,
        Some(Change::Clear(true)) => NewPin::None,
        Some(Change::Generate(false) | Change::Clear(false)) | None => {
            return Err(ServiceError::InvalidArgument {
                field: "change",
                problem: "give one of pin, generate and clear".to_owned(),
            });
        }
    };
    if must_change && matches!(new, NewPin::None) {
        return Err(ServiceError::InvalidArgument {
            field: "must_change",
            problem: "without a PIN there is none to change".to_owned(),
        });
    }
    let new = (&new, must_change);
    service.set_pin(&call.principal, call.request_id, &username, new, deadline).await
}
