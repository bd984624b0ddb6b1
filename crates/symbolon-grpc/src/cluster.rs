//! `ClusterService`.

use std::sync::Arc;

use symbolon_core::{LineageId, NodeId, Operation};
use symbolon_proto::v1;
use symbolon_service::{
    ClusterStatus, DataKeyStatus, NodeStatus, Pairing, Role, Seizure, Service, ServiceError,
};
use tonic::{Request, Response, Status};

use crate::call::{ADMIN_TIMEOUT, Call};
use crate::convert::timestamp;
use crate::status::to_status;

pub(crate) struct Clusters(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl v1::cluster_service_server::ClusterService for Clusters {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        Service::may(&call.principal, Operation::GetStatus).map_err(|error| to_status(&error))?;
        let users = self.0.ledger().view().state.users_len() as u64;
        let status = self.0.ledger().status();
        let own = &self.0.ledger().identity().name;
        Ok(Response::new(response(status, own.as_str(), users)))
    }

    async fn create_join_token(
        &self,
        request: Request<v1::CreateJoinTokenRequest>,
    ) -> Result<Response<v1::CreateJoinTokenResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let (token, expires_at, index) = self
            .0
            .create_join_token(
                &call.principal,
                call.request_id,
                call.message.life_seconds,
                call.write_deadline(),
            )
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::CreateJoinTokenResponse {
            join_token: token.to_string(),
            expires_at: Some(timestamp(expires_at)),
            log_index: index.0,
        }))
    }

    async fn rotate_data_key(
        &self,
        request: Request<v1::RotateDataKeyRequest>,
    ) -> Result<Response<v1::RotateDataKeyResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let (key, index) = self
            .0
            .rotate_data_key(&call.principal, call.request_id, call.write_deadline())
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::RotateDataKeyResponse { key: key.0, log_index: index.0 }))
    }

    async fn promote_subordinate(
        &self,
        request: Request<v1::PromoteSubordinateRequest>,
    ) -> Result<Response<v1::PromoteSubordinateResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let node = &call.message.node;
        if call.message.seize {
            let confirm = Some(&*call.message.confirm).filter(|name| !name.is_empty());
            let seizure = self.0.seize(&call.principal, node, confirm).await;
            let seizure = seizure.map_err(|error| to_status(&error))?;
            return Ok(Response::new(self.seized(seizure, confirm.is_some())));
        }
        let previous = self
            .0
            .promote_subordinate(&call.principal, node, call.write_deadline())
            .await
            .map_err(|error| to_status(&error))?;
        let state = self.0.ledger().view().state;
        let previous = previous.and_then(|id| state.node(id));
        Ok(Response::new(v1::PromoteSubordinateResponse {
            master: node.clone(),
            previous: previous.map(|row| row.name.to_string()).unwrap_or_default(),
            seizure: None,
        }))
    }

    async fn remove_node(
        &self,
        request: Request<v1::RemoveNodeRequest>,
    ) -> Result<Response<v1::RemoveNodeResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let removal = self
            .0
            .remove_node(
                &call.principal,
                call.request_id,
                &call.message.node,
                call.write_deadline(),
            )
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::RemoveNodeResponse {
            key: removal.key.0,
            tokens: removal.tokens,
            log_index: removal.index.0,
        }))
    }

    async fn release_recovery_codes(
        &self,
        request: Request<v1::ReleaseRecoveryCodesRequest>,
    ) -> Result<Response<v1::ReleaseRecoveryCodesResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let index = self
            .0
            .release_recovery_codes(&call.principal, call.request_id, call.write_deadline())
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::ReleaseRecoveryCodesResponse { log_index: index.0 }))
    }

    async fn discard_epoch(
        &self,
        request: Request<v1::DiscardEpochRequest>,
    ) -> Result<Response<v1::DiscardEpochResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let (principal, deadline) = (&call.principal, call.write_deadline());
        Service::may(principal, Operation::DiscardEpoch).map_err(|error| to_status(&error))?;
        let v1::DiscardEpochRequest { epoch, lineage: of, confirm } = &call.message;
        let name = (*epoch, lineage(of)?);
        let discarded =
            self.0.discard_epoch(principal, call.request_id, name, confirm, deadline).await;
        let index = discarded.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::DiscardEpochResponse { log_index: index.0 }))
    }

    async fn acknowledge_doubles(
        &self,
        request: Request<v1::AcknowledgeDoublesRequest>,
    ) -> Result<Response<v1::AcknowledgeDoublesResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let index = self
            .0
            .acknowledge_doubles(&call.principal, call.request_id, call.write_deadline())
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::AcknowledgeDoublesResponse { log_index: index.0 }))
    }

    async fn confirm_clock(
        &self,
        request: Request<v1::ConfirmClockRequest>,
    ) -> Result<Response<v1::ConfirmClockResponse>, Status> {
        let call = Call::accept(&self.0, request, ADMIN_TIMEOUT).await?;
        let index = self
            .0
            .confirm_clock(&call.principal, call.request_id, call.write_deadline())
            .await
            .map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::ConfirmClockResponse { log_index: index.0 }))
    }
}

/// A lineage as `GetStatus` tells it.
fn lineage(text: &str) -> Result<LineageId, Status> {
    let digits = Some(text).filter(|text| text.len() == 32 && !text.starts_with('+'));
    let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    number.map(|number| LineageId(number.to_be_bytes())).ok_or_else(|| {
        let problem = "it has not 32 hexadecimal digits".to_owned();
        to_status(&ServiceError::InvalidArgument { field: "lineage", problem })
    })
}

impl Clusters {
    fn seized(&self, seizure: Seizure, begun: bool) -> v1::PromoteSubordinateResponse {
        let state = self.0.ledger().view().state;
        let rows = seizure.left_behind.iter().filter_map(|id| state.node(*id));
        let seizure = v1::Seizure {
            begun,
            epoch: seizure.epoch,
            left_behind: rows.map(|row| row.name.to_string()).collect(),
            last_log_index: seizure.last_index.0,
            heard_master_at: seizure.heard_master_at.map(timestamp),
            pairing: pairing(seizure.pairing).into(),
            alone_since: seizure.pairing.and_then(alone_since),
            whole_until: Some(timestamp(seizure.whole_until)),
        };
        v1::PromoteSubordinateResponse { seizure: Some(seizure), ..Default::default() }
    }
}

fn response(status: ClusterStatus, own: &str, users: u64) -> v1::GetStatusResponse {
    let name_of = |id: NodeId| {
        let node = status.nodes.iter().find(|node| node.id == id);
        node.map(|node| node.name.to_string())
    };
    let furthest = status.nodes.iter().map(|node| node.applied.0).max().unwrap_or(0);
    v1::GetStatusResponse {
        cluster_name: status.cluster_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        cluster_id: status.cluster.to_string(),
        epoch: status.epoch,
        lineage: status.lineage.to_string(),
        node: own.to_owned(),
        master: status.master.and_then(name_of).unwrap_or_default(),
        term: status.term,
        applied_index: status.applied.0,
        last_log_index: status.last.0,
        recovering: status.is_recovering,
        digest: status.digest.to_string(),
        nodes: status.nodes.iter().map(|n| node(n, furthest)).collect(),
        data_key: Some(data_key(&status.data_key)),
        pairing: pairing(status.pairing).into(),
        alone_since: status.pairing.and_then(alone_since),
        warnings: status.warnings,
        users,
    }
}

const fn pairing(pairing: Option<Pairing>) -> v1::Pairing {
    match pairing {
        None => v1::Pairing::Unspecified,
        Some(Pairing::Paired) => v1::Pairing::Paired,
        Some(Pairing::Alone { .. }) => v1::Pairing::Alone,
    }
}

fn alone_since(pairing: Pairing) -> Option<prost_types::Timestamp> {
    match pairing {
        Pairing::Paired => None,
        Pairing::Alone { since } => Some(timestamp(since)),
    }
}

fn data_key(status: &DataKeyStatus) -> v1::DataKeyStatus {
    let phase = match status.next {
        None => v1::DataKeyPhase::Settled,
        Some(next) if next == status.active => v1::DataKeyPhase::Resealing,
        Some(_) => v1::DataKeyPhase::Distributing,
    };
    v1::DataKeyStatus {
        active: status.active.0,
        phase: phase.into(),
        next: status.next.map_or(0, |next| next.0),
        waiting_for: status.waiting_for.iter().map(ToString::to_string).collect(),
        fields_left: status.fields_left,
        held: status.held.iter().map(|key| key.0).collect(),
    }
}

fn node(status: &NodeStatus, furthest: u64) -> v1::NodeStatus {
    let role = match status.role {
        Role::Master => v1::Role::Master,
        Role::Subordinate => v1::Role::Subordinate,
        Role::Learner => v1::Role::Learner,
        Role::Absent => v1::Role::Absent,
    };
    v1::NodeStatus {
        name: status.name.to_string(),
        id: status.id.0,
        role: role.into(),
        api_address: status.api_address.clone(),
        peer_address: status.peer_address.clone(),
        reachable: status.reachable,
        applied_index: status.applied.0,
        lag: furthest.saturating_sub(status.applied.0),
        heard_at: status.heard_at.map(timestamp),
        clock_offset_milliseconds: status.clock_offset_milliseconds,
    }
}
