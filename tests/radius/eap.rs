//! EAP-TTLS, by the supplicant of Wi-Fi: `eapol_test` of wpa_supplicant.

use std::net::SocketAddr;
use std::path::Path;

use symbolon_proto::v1;
use symbolon_testkit::Cluster;

use crate::everyone::{Everyone, NAMES, behind};
use crate::machine::{run, write};
use crate::support::{SECRET, cluster_of, last_denial, radius};

pub(crate) struct Supplicant<'c> {
    pub(crate) server: SocketAddr,
    pub(crate) ca: &'c Path,
}

impl Supplicant<'_> {
    /// Whether it gets in, with what both sides make the same keys of.
    pub(crate) async fn connect(&self, user: &str, password: &str, inner: &str) -> bool {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let conf = directory.path().join("network");
        let network = format!(
            "network={{\n\tkey_mgmt=IEEE8021X\n\teapol_flags=0\n\teap=TTLS\n\tidentity=\"{user}\"\n\
             \tanonymous_identity=\"anonymous\"\n\tpassword=\"{password}\"\n\tphase2=\"{inner}\"\n\
             \tca_cert=\"{}\"\n}}\n",
            self.ca.display()
        );
        write(&conf, &network);
        let (host, port) = (self.server.ip().to_string(), self.server.port().to_string());
        let conf = conf.to_string_lossy();
        let arguments = ["-c", &conf, "-a", &host, "-p", &port, "-s", SECRET, "-t", "20"];
        let (exit, said) = run("eapol_test", &arguments).await;
        let succeeded = said.trim_end().ends_with("SUCCESS");
        assert_eq!(exit == Some(0), succeeded, "{said}");
        if succeeded {
            assert!(said.contains("MPPE keys OK: 1"), "both have the same keys: {said}");
        } else {
            assert!(said.contains("CTRL-EVENT-EAP-FAILURE"), "it is told: {said}");
        }
        succeeded
    }
}

async fn both(cluster: &Cluster) {
    let ca = cluster.ca_file();
    let supplicant = Supplicant { server: radius(cluster, 1), ca: &ca };
    for (name, inner) in [("alice", "auth=PAP"), ("bob", "autheap=GTC")] {
        let person = cluster.person(name).await;
        let code = person.otp.code();
        assert!(supplicant.connect(name, &code, inner).await, "{inner}");
        assert!(!supplicant.connect(name, &code, inner).await, "{inner}: a used code");
        assert_eq!(last_denial(cluster, name).await, "CODE_REPLAYED");
        assert!(!supplicant.connect(name, "000000", inner).await, "{inner}: a wrong code");
        assert!(!supplicant.connect("nobody", &code, inner).await, "{inner}: nobody");
    }
}

#[tokio::test]
async fn a_code_comes_through_the_tunnel() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    both(&cluster).await;
}

#[tokio::test]
async fn a_password_with_the_code_behind_it_comes_through_the_tunnel() {
    for inner in ["auth=PAP", "autheap=GTC"] {
        let everyone = Everyone::called(NAMES, behind()).await;
        let ca = everyone.cluster.ca_file();
        let supplicant = Supplicant { server: radius(&everyone.cluster, 1), ca: &ca };
        let client = async |user: &str, password: &str, code: &str| {
            supplicant.connect(user, &format!("{password}{code}"), inner).await
        };
        everyone.come(client).await;
    }
}

#[tokio::test]
async fn an_impostor_of_the_cluster_is_told_nothing() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    let other = cluster_of(1, v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let ca = other.ca_file();
    let supplicant = Supplicant { server: radius(&cluster, 1), ca: &ca };
    assert!(!supplicant.connect("alice", &alice.otp.code(), "auth=PAP").await);
    assert_eq!(last_denial(&cluster, "alice").await, "", "nothing was asked");
}
