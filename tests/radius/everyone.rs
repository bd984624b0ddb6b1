//! What holds at every client: one person gets in, and nobody who should not.

use std::path::Path;

use symbolon_proto::v1;
use symbolon_testkit::{Cluster, Person};

use crate::codes::block;
use crate::freeradius::FreeRadius;
use crate::radclient::Told;
use crate::support::{cluster_of, device, last_denial, radsec_cluster};
use crate::targets::policy;

/// Everybody's, at the server that judges passwords. Some clients end it at a blank.
pub(crate) const PASSWORD: &str = "Winter-is-coming";

/// Whose name is the same everywhere.
pub(crate) const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// The code stands behind the password.
pub(crate) fn behind() -> v1::RadiusPolicy {
    v1::RadiusPolicy { code_place: "behind".to_owned(), ..Default::default() }
}

/// A cluster of one node with its people, and the server that judges their passwords.
pub(crate) struct Everyone {
    pub(crate) cluster: Cluster,
    welcome: Person,
    spent: Person,
    blocked: Person,
    /// Known to the server of passwords alone.
    unknown: String,
    _target: FreeRadius,
}

impl Everyone {
    /// Four that are called so: who gets in, who shows a code that was used elsewhere, who is blocked, and
    /// who has no token.
    pub(crate) async fn called(names: [&str; 4], how: v1::RadiusPolicy) -> Self {
        let target = FreeRadius::start(&names.map(|name| (name, PASSWORD))).await;
        let v1::RadiusPolicy { ranges, targets, .. } = policy(&[&target]);
        let cluster = cluster_of(1, v1::RadiusPolicy { ranges, targets, ..how }).await;
        Self::in_cluster(cluster, names, target).await
    }

    /// The same where the devices come over TLS, with a certificate of this CA that has this name.
    pub(crate) async fn by_tls(
        names: [&str; 4],
        how: v1::RadiusPolicy,
        ca: &Path,
        device: &str,
    ) -> Self {
        let target = FreeRadius::start(&names.map(|name| (name, PASSWORD))).await;
        let v1::RadiusPolicy { targets, .. } = policy(&[&target]);
        let policy = v1::RadiusPolicy { targets, ..how };
        let cluster = radsec_cluster(ca, &[device], policy).await;
        Self::in_cluster(cluster, names, target).await
    }

    async fn in_cluster(cluster: Cluster, names: [&str; 4], target: FreeRadius) -> Self {
        let [welcome, spent, blocked, unknown] = names;
        let (welcome, spent) = (cluster.person(welcome).await, cluster.person(spent).await);
        let blocked = cluster.person(blocked).await;
        block(&cluster, &blocked.username).await;
        Self { cluster, welcome, spent, blocked, unknown: unknown.to_owned(), _target: target }
    }

    /// They come one after the other. The client is given a name, a password and a code, and tells whether
    /// that let them in.
    pub(crate) async fn come(&self, client: impl AsyncFn(&str, &str, &str) -> bool) {
        let name = &*self.welcome.username;
        let denial = async |name: &str| last_denial(&self.cluster, name).await;
        let code = self.welcome.otp.code();
        let is_in = client(name, PASSWORD, &code).await;
        assert!(is_in, "{name}, who is welcome: {}", denial(name).await);
        assert!(!client(name, PASSWORD, &self.welcome.otp.wrong_code()).await, "a wrong code");
        assert_eq!(denial(name).await, "CODE_MISMATCH");
        assert!(!client(name, "Summer", &code).await, "a wrong password");
        assert_eq!(denial(name).await, "FIRST_FACTOR_DENIED");

        let name = &*self.spent.username;
        let code = self.spent.otp.code();
        let elsewhere = self.cluster.application("portal").await;
        let elsewhere = self.cluster.anonymous(1).with_bearer(&elsewhere);
        let told = elsewhere.verify(self.spent.request_with(code.clone())).await.unwrap();
        assert!(told.decision() == v1::Decision::Allow, "used elsewhere");
        assert!(!client(name, PASSWORD, &code).await, "a used code");
        assert_eq!(denial(name).await, "CODE_REPLAYED");

        let name = &*self.blocked.username;
        assert!(!client(name, PASSWORD, &self.blocked.otp.code()).await, "who is blocked");
        assert_eq!(denial(name).await, "BLOCKED");

        assert!(!client(&self.unknown, PASSWORD, "123456").await, "who has no token");
        assert_eq!(denial(&self.unknown).await, "UNKNOWN_USER");
    }
}

#[tokio::test]
async fn radclient_gets_in_with_password_and_code_in_either_way() {
    let everyone = Everyone::called(NAMES, Default::default()).await;
    let asked = async |user: &str, password: &str, code: &str| {
        let device = device(&everyone.cluster, 1);
        let first = device.ask(user, password, &[]).await;
        let Some(state) = first.attribute("State") else { return decided(&first) };
        decided(&device.ask(user, code, &[("State", state)]).await)
    };
    everyone.come(asked).await;
    let everyone = Everyone::called(NAMES, behind()).await;
    let at_once = async |user: &str, password: &str, code: &str| {
        let typed = format!("{password}{code}");
        decided(&device(&everyone.cluster, 1).ask(user, &typed, &[]).await)
    };
    everyone.come(at_once).await;
}

/// Whether an answer is an Access-Accept, and not an Access-Reject.
pub(crate) fn decided(told: &Told) -> bool {
    assert!(told.accepted() || told.rejected(), "{told:?}");
    told.accepted()
}
