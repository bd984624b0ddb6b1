//! Calls to one node.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use prost_types::FieldMask;
use symbolon_proto::v1::application_service_client::ApplicationServiceClient;
use symbolon_proto::v1::cluster_service_client::ClusterServiceClient;
use symbolon_proto::v1::quarantine_service_client::QuarantineServiceClient;
use symbolon_proto::v1::set_pin_request::Change;
use symbolon_proto::v1::settings_service_client::SettingsServiceClient;
use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_proto::v1::verification_service_client::VerificationServiceClient;
use symbolon_proto::v1::{
    AcknowledgeDoublesRequest, Application, ConfirmClockRequest, ConfirmTokenRequest,
    CreateApplicationRequest, CreateApplicationResponse, CreateJoinTokenRequest,
    CreateJoinTokenResponse, CreateRecoveryCodesRequest, CreateUserRequest, CreateUserResponse,
    Decision, DiscardEpochRequest, DiscardQuarantineRequest, EnrollTokenRequest,
    EnrollTokenResponse, GetStatusRequest, GetStatusResponse, GetUserRequest, GrantBypassRequest,
    ListQuarantinesRequest, ListUsersRequest, PromoteSubordinateRequest, Quarantine,
    ReappliedWrite, ReapplyQuarantineRequest, ReleaseRecoveryCodesRequest, RemoveNodeRequest,
    RemoveNodeResponse, RemoveTokenRequest, ResyncTokenRequest, RotateDataKeyRequest, Seizure,
    SetPinRequest, SetPinResponse, SettingValue, Token, TokenName, UpdateApplicationRequest,
    UpdateSettingsRequest, UpdateSettingsResponse, User, VerifyRequest, VerifyResponse, WriteId,
};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::{Otp, Person, REQUEST_ID, Verdict};

/// Deadline of a verification unless the test sets one.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// Deadline of any other call unless the test sets one.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
const PAGE_SIZE: u32 = 1000;

/// Speaks to one node, over one connection that clones share, and that is made anew when it broke.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    bearer: Option<Arc<str>>,
    request_id: Option<[u8; 16]>,
    timeout: Option<Duration>,
}

impl Client {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, bearer: None, request_id: None, timeout: None }
    }

    /// The same way to the same node with that bearer token.
    #[must_use]
    pub fn with_bearer(&self, token: &str) -> Self {
        Self { bearer: Some(token.into()), ..self.clone() }
    }

    /// The same with this request id in the metadata of every call.
    #[must_use]
    pub fn with_request_id(&self, id: [u8; 16]) -> Self {
        Self { request_id: Some(id), ..self.clone() }
    }

    /// The same with this deadline for every call.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// The channel, for clients that are not here.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A call with this client's token, request id and deadline, for what is not here.
    pub fn request<T>(&self, message: T) -> Request<T> {
        self.request_within(message, ADMIN_TIMEOUT)
    }

    fn request_within<T>(&self, message: T, timeout: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout.unwrap_or(timeout));
        let metadata = request.metadata_mut();
        if let Some(token) = &self.bearer {
            let value = MetadataValue::try_from(format!("Bearer {token}"));
            let value = value.unwrap_or_else(|error| panic!("no token for a header: {error}"));
            metadata.insert("authorization", value);
        }
        if let Some(id) = self.request_id {
            let value = MetadataValue::try_from(HEXLOWER.encode(&id));
            let value = value.unwrap_or_else(|error| panic!("no id for a header: {error}"));
            metadata.insert(REQUEST_ID, value);
        }
        request
    }

    /// `VerificationService.Verify`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn verify(&self, message: VerifyRequest) -> Result<VerifyResponse, Status> {
        let request = self.request_within(message, VERIFY_TIMEOUT);
        let mut client = VerificationServiceClient::new(self.channel());
        Ok(client.verify(request).await?.into_inner())
    }

    /// `Verify`, and what of the answer can be compared and printed.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn verdict(&self, message: VerifyRequest) -> Result<Verdict, Status> {
        self.verify(message).await.map(Verdict::from)
    }

    /// `UserService.CreateUser`, without a display name.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn create_user(&self, username: &str) -> Result<CreateUserResponse, Status> {
        let request = self.request(CreateUserRequest {
            username: username.to_owned(),
            ..CreateUserRequest::default()
        });
        let mut client = UserServiceClient::new(self.channel());
        Ok(client.create_user(request).await?.into_inner())
    }

    /// `UserService.EnrollToken`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn enroll_token(
        &self,
        message: EnrollTokenRequest,
    ) -> Result<EnrollTokenResponse, Status> {
        let request = self.request(message);
        let mut client = UserServiceClient::new(self.channel());
        Ok(client.enroll_token(request).await?.into_inner())
    }

    /// `UserService.ConfirmToken`, of the only pending token.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn confirm_token(&self, username: &str, code: &str) -> Result<Token, Status> {
        let request = self.request(ConfirmTokenRequest {
            username: username.to_owned(),
            token: None,
            code: code.to_owned(),
        });
        let mut client = UserServiceClient::new(self.channel());
        Ok(client.confirm_token(request).await?.into_inner().token.unwrap_or_default())
    }

    /// `UserService.ResyncToken`, of the only token.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn resync_token(&self, username: &str, codes: [&str; 2]) -> Result<Token, Status> {
        let [first_code, second_code] = codes.map(str::to_owned);
        let request = self.request(ResyncTokenRequest {
            username: username.to_owned(),
            token: None,
            first_code,
            second_code,
        });
        let mut client = UserServiceClient::new(self.channel());
        Ok(client.resync_token(request).await?.into_inner().token.unwrap_or_default())
    }

    /// `UserService.RemoveToken`, by serial number; empty: the only token.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn remove_token(&self, username: &str, serial: &str) -> Result<(), Status> {
        let token = TokenName { serial: serial.to_owned(), ..TokenName::default() };
        let request =
            self.request(RemoveTokenRequest { username: username.to_owned(), token: Some(token) });
        let mut client = UserServiceClient::new(self.channel());
        client.remove_token(request).await.map(|_| ())
    }

    /// `UserService.SetPin`
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn set_pin(&self, username: &str, change: Change) -> Result<SetPinResponse, Status> {
        self.give_pin(username, change, false).await
    }

    /// `UserService.SetPin`: a PIN that must be changed at the next sign-in.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn lend_pin(&self, username: &str, pin: &str) -> Result<SetPinResponse, Status> {
        self.give_pin(username, Change::Pin(pin.to_owned()), true).await
    }

    async fn give_pin(
        &self,
        username: &str,
        change: Change,
        must_change: bool,
    ) -> Result<SetPinResponse, Status> {
        let (username, change) = (username.to_owned(), Some(change));
        let request = self.request(SetPinRequest { username, change, must_change });
        let set = UserServiceClient::new(self.channel()).set_pin(request).await;
        set.map(tonic::Response::into_inner)
    }

    /// `UserService.GrantBypass`
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn grant_bypass(&self, username: &str, seconds: u32) -> Result<User, Status> {
        let (username, reason) = (username.to_owned(), "left at home".to_owned());
        let request = self.request(GrantBypassRequest { username, reason, seconds });
        let granted = UserServiceClient::new(self.channel()).grant_bypass(request).await?;
        Ok(granted.into_inner().user.unwrap_or_default())
    }

    /// `UserService.CreateRecoveryCodes`
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn create_recovery_codes(&self, username: &str) -> Result<Vec<String>, Status> {
        let request = self.request(CreateRecoveryCodesRequest { username: username.to_owned() });
        let made = UserServiceClient::new(self.channel()).create_recovery_codes(request).await?;
        Ok(made.into_inner().codes)
    }

    /// Gives a user a token with a seed of the server's, and returns what their app then holds.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn enroll(&self, username: &str) -> Result<Otp, Status> {
        let message =
            EnrollTokenRequest { username: username.to_owned(), ..EnrollTokenRequest::default() };
        let response = self.enroll_token(message).await?;
        Ok(Otp::from_uri(&response.otpauth_uri))
    }

    /// Adds a user and gives them a token, both at this node.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn create_person(&self, username: &str) -> Result<Person, Status> {
        self.create_user(username).await?;
        let otp = self.enroll(username).await?;
        Ok(Person { username: username.to_owned(), otp })
    }

    /// `UserService.GetUser`, linearizable.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn get_user(&self, username: &str) -> Result<User, Status> {
        let request =
            self.request(GetUserRequest { username: username.to_owned(), allow_stale: false });
        let mut client = UserServiceClient::new(self.channel());
        let response = client.get_user(request).await?.into_inner();
        response.user.ok_or_else(|| Status::data_loss("an answer without a user"))
    }

    /// All pages of `UserService.ListUsers`, linearizable.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn list_users(&self) -> Result<Vec<User>, Status> {
        let mut users = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = self.request(ListUsersRequest {
                page_size: PAGE_SIZE,
                page_token,
                allow_stale: false,
                ..ListUsersRequest::default()
            });
            let mut client = UserServiceClient::new(self.channel());
            let page = client.list_users(request).await?.into_inner();
            users.extend(page.users);
            if page.next_page_token.is_empty() {
                return Ok(users);
            }
            page_token = page.next_page_token;
        }
    }

    /// `ApplicationService.CreateApplication`; the answer has the API key.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn create_application(
        &self,
        name: &str,
    ) -> Result<CreateApplicationResponse, Status> {
        let request =
            self.request(CreateApplicationRequest { name: name.to_owned(), ..Default::default() });
        let mut client = ApplicationServiceClient::new(self.channel());
        Ok(client.create_application(request).await?.into_inner())
    }

    /// `ClusterService.RotateDataKey`; the answer has the number of the next key.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn rotate_data_key(&self) -> Result<u32, Status> {
        let request = self.request(RotateDataKeyRequest {});
        let mut client = ClusterServiceClient::new(self.channel());
        Ok(client.rotate_data_key(request).await?.into_inner().key)
    }

    /// `ClusterService.PromoteSubordinate`; the answer has the name of the master before.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn promote_subordinate(&self, node: &str) -> Result<String, Status> {
        let request = PromoteSubordinateRequest { node: node.to_owned(), ..Default::default() };
        let request = self.request(request);
        let mut client = ClusterServiceClient::new(self.channel());
        Ok(client.promote_subordinate(request).await?.into_inner().previous)
    }

    /// The same with `seize`; `confirm` empty: only to be told what it would be.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn seize(&self, node: &str, confirm: &str) -> Result<Seizure, Status> {
        let (node, confirm) = (node.to_owned(), confirm.to_owned());
        let request = self.request(PromoteSubordinateRequest { node, seize: true, confirm });
        let mut client = ClusterServiceClient::new(self.channel());
        Ok(client.promote_subordinate(request).await?.into_inner().seizure.unwrap_or_default())
    }

    /// `QuarantineService.ListQuarantines`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn quarantines(&self) -> Result<Vec<Quarantine>, Status> {
        let request = self.request(ListQuarantinesRequest {});
        let mut client = QuarantineServiceClient::new(self.channel());
        Ok(client.list_quarantines(request).await?.into_inner().quarantine)
    }

    /// `QuarantineService.ReapplyQuarantine`: these writes, or all that are open.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn reapply(
        &self,
        name: &str,
        write: &[WriteId],
    ) -> Result<Vec<ReappliedWrite>, Status> {
        let (name, write) = (name.to_owned(), write.to_vec());
        let request = ReapplyQuarantineRequest { name, write, over: false, after: None };
        let mut client = QuarantineServiceClient::new(self.channel());
        Ok(client.reapply_quarantine(self.request(request)).await?.into_inner().write)
    }

    /// `QuarantineService.DiscardQuarantine`: one write.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn give_up(&self, name: &str, write: Option<WriteId>) -> Result<u64, Status> {
        let write = write.into_iter().collect();
        let request = DiscardQuarantineRequest { name: name.to_owned(), write };
        let mut client = QuarantineServiceClient::new(self.channel());
        Ok(client.discard_quarantine(self.request(request)).await?.into_inner().writes)
    }

    /// `ClusterService.RemoveNode`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn remove_node(&self, node: &str) -> Result<RemoveNodeResponse, Status> {
        let request = self.request(RemoveNodeRequest { node: node.to_owned() });
        let mut client = ClusterServiceClient::new(self.channel());
        Ok(client.remove_node(request).await?.into_inner())
    }

    /// `ClusterService.DiscardEpoch`.
    ///
    /// # Errors
    ///
    /// As the server answers.
    pub async fn discard_epoch(
        &self,
        epoch: u64,
        lineage: &str,
        confirm: &str,
    ) -> Result<(), Status> {
        let (lineage, confirm) = (lineage.to_owned(), confirm.to_owned());
        let request = self.request(DiscardEpochRequest { epoch, lineage, confirm });
        let mut client = ClusterServiceClient::new(self.channel());
        client.discard_epoch(request).await.map(|_| ())
    }

    /// `ClusterService.ReleaseRecoveryCodes`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn release_recovery_codes(&self) -> Result<(), Status> {
        let request = self.request(ReleaseRecoveryCodesRequest {});
        let mut client = ClusterServiceClient::new(self.channel());
        client.release_recovery_codes(request).await.map(|_| ())
    }

    /// `ClusterService.AcknowledgeDoubles`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn acknowledge_doubles(&self) -> Result<(), Status> {
        let request = self.request(AcknowledgeDoublesRequest {});
        let mut client = ClusterServiceClient::new(self.channel());
        client.acknowledge_doubles(request).await.map(|_| ())
    }

    /// `ApplicationService.UpdateApplication`, so that it is given no decisions of islands.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn do_without_islands(&self, name: &str) -> Result<(), Status> {
        let mut application = Application::default();
        application.set_islands(Decision::Deny);
        let request = self.request(UpdateApplicationRequest {
            name: name.to_owned(),
            application: Some(application),
            update_mask: Some(FieldMask { paths: vec!["islands".to_owned()] }),
        });
        let mut client = ApplicationServiceClient::new(self.channel());
        client.update_application(request).await.map(|_| ())
    }

    /// `ClusterService.ConfirmClock`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn confirm_clock(&self) -> Result<(), Status> {
        let request = self.request(ConfirmClockRequest {});
        let mut client = ClusterServiceClient::new(self.channel());
        client.confirm_clock(request).await.map(|_| ())
    }

    /// `SettingsService.UpdateSettings`, with the values by name.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn set(&self, values: &[(&str, u64)]) -> Result<UpdateSettingsResponse, Status> {
        let change = |(name, value): &(&str, u64)| SettingValue {
            name: (*name).to_owned(),
            value: Some(*value),
        };
        let changes = values.iter().map(change).collect();
        let request =
            self.request(UpdateSettingsRequest { changes, ..UpdateSettingsRequest::default() });
        let mut client = SettingsServiceClient::new(self.channel());
        Ok(client.update_settings(request).await?.into_inner())
    }

    /// `ClusterService.GetStatus`.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn status(&self) -> Result<GetStatusResponse, Status> {
        let request = self.request(GetStatusRequest {});
        let mut client = ClusterServiceClient::new(self.channel());
        Ok(client.get_status(request).await?.into_inner())
    }

    /// `ClusterService.CreateJoinToken`; 0 seconds: the default.
    ///
    /// # Errors
    /// What the node refuses.
    pub async fn create_join_token(
        &self,
        life_seconds: u32,
    ) -> Result<CreateJoinTokenResponse, Status> {
        let request = self.request(CreateJoinTokenRequest { life_seconds });
        let mut client = ClusterServiceClient::new(self.channel());
        Ok(client.create_join_token(request).await?.into_inner())
    }
}
