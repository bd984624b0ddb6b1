//! Which rule decides about a sign-in.

use symbolon_core::{Application, Finding, LogIndex, Operation, Settings, Timestamp, UserName};
use tokio::time::Instant;

use crate::about::Named as _;
use crate::names;
use crate::principal::Principal;
use crate::{Service, ServiceError};

/// What the rules find about a name and an application.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Whole name of the user, if the name stands for one.
    pub user: Option<UserName>,
    /// In the order in which the rules are asked.
    pub findings: Vec<Finding>,
    /// What the rules go by.
    pub settings: Settings,
    /// When it would be so.
    pub at: Timestamp,
    /// Of the state that was looked at.
    pub index: LogIndex,
}

impl Explained {
    /// The first rule that stands in the way, or that lets the user in.
    #[must_use]
    pub fn deciding(&self) -> Option<Finding> {
        self.findings.iter().copied().find(|it| it.stands_in_the_way() || it.lets_in())
    }
}

impl Service {
    /// Tells what would become of a sign-in, and why.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is no such application, or no such user for a caller who
    /// deals with some users only.
    pub async fn explain(
        &self,
        principal: &Principal,
        username: &str,
        application: &str,
        deadline: Instant,
    ) -> Result<Explained, ServiceError> {
        Self::may(principal, Operation::Explain)?;
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        let application = match application {
            "" => None,
            named => Some(names::name("application", named)?),
        };
        self.catch_up(principal, Operation::Explain, false, deadline).await?;
        let view = self.ledger.view();
        let state = &view.state;
        let application = application.map(|name| Application::named(state, &name)).transpose()?;
        let user = state.account(&name).user();
        let is_theirs = match user {
            Some(user) => state.is_in_scope(principal.caller, user),
            // Whether a name is nobody's or fits two is not for those who see some users only.
            None => state.sees_all(principal.caller),
        };
        if !is_theirs {
            return Err(ServiceError::NotFound { kind: "user" });
        }
        let at = self.clock.now().max(state.clock());
        Ok(Explained {
            user: user.map(|user| user.name.clone()),
            findings: state.explain(&name, application, at).collect(),
            settings: state.settings(),
            at,
            index: view.applied,
        })
    }
}
