//! Callers with every right.

use symbolon_proto::v1;
use symbolon_proto::v1::administrator_service_client::AdministratorServiceClient;
use symbolon_proto::v1::application_service_client::ApplicationServiceClient;
use symbolon_testkit::{Client, Cluster};

/// All rights there are, by name.
pub(crate) const RIGHTS: [&str; 5] =
    ["verify", "self-service", "help-desk", "auditor", "administrator"];

/// Who calls, with that right alone.
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) right: &'static str,
    pub(crate) bearer: String,
    pub(crate) is_application: bool,
}

/// See the module.
pub(crate) struct Callers(Vec<Caller>);

impl Callers {
    /// An application for each right, and an administrator for each that is a role.
    pub(crate) async fn of_every_right(cluster: &Cluster) -> Self {
        let admin = cluster.admin(1);
        let mut callers = Vec::new();
        for (number, right) in (1..).zip(RIGHTS) {
            let name = format!("application-{right}");
            let new = v1::CreateApplicationRequest {
                name: name.clone(),
                rights: vec![number],
                sources: Vec::new(),
                ..Default::default()
            };
            let bearer = create_application(&admin, new).await;
            callers.push(Caller { name, right, bearer, is_application: true });
        }
        let roles = [
            v1::AdministratorRole::HelpDesk,
            v1::AdministratorRole::Auditor,
            v1::AdministratorRole::Administrator,
        ];
        for (role, right) in roles.into_iter().zip(RIGHTS[2..].iter().copied()) {
            let name = format!("person-{right}");
            let bearer = create_administrator(&admin, &name, role, &[]).await;
            callers.push(Caller { name, right, bearer, is_application: false });
        }
        Self(callers)
    }

    pub(crate) fn with_right(&self, right: &str) -> impl Iterator<Item = &Caller> {
        self.0.iter().filter(move |caller| caller.right == right)
    }
}

/// Adds an application, and returns its API key.
pub(crate) async fn create_application(
    admin: &Client,
    new: v1::CreateApplicationRequest,
) -> String {
    let mut service = ApplicationServiceClient::new(admin.channel());
    let answer = service.create_application(admin.request(new)).await;
    answer.unwrap().into_inner().api_key
}

/// Adds an administrator, and returns the bearer token.
pub(crate) async fn create_administrator(
    admin: &Client,
    name: &str,
    role: v1::AdministratorRole,
    scope: &[&str],
) -> String {
    let new = v1::CreateAdministratorRequest {
        name: name.to_owned(),
        role: role.into(),
        scope: scope.iter().map(|part| (*part).to_owned()).collect(),
    };
    let mut service = AdministratorServiceClient::new(admin.channel());
    service.create_administrator(admin.request(new)).await.unwrap().into_inner().token
}
