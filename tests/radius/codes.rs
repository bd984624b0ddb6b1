//! Codes without a first factor: what is typed as the password is the code.

use crate::support::{cluster, device, last_denial};

#[tokio::test]
async fn a_code_lets_its_user_in_once_at_whatever_node() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    let code = alice.otp.code();
    let first = device(&cluster, 1).ask("alice", &code, &[]).await;
    assert!(first.accepted(), "{first:?}");
    for node in cluster.numbers() {
        let again = device(&cluster, node).ask("alice", &code, &[]).await;
        assert!(again.rejected(), "at node {node}: {again:?}");
        let shown = again.attribute("Reply-Message").unwrap();
        assert!(shown.contains("used before"), "{shown}");
    }
    assert_eq!(last_denial(&cluster, "alice").await, "CODE_REPLAYED");
}

#[tokio::test]
async fn who_is_not_let_in_is_not_told_why() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    cluster.person("bob").await;
    let bob = cluster.admin(1).get_user("bob").await.unwrap();
    assert!(bob.enabled);
    block(&cluster, "bob").await;
    let device = device(&cluster, 2);
    let wrong = device.ask("alice", "000000", &[]).await;
    assert!(wrong.rejected());
    for (name, code) in
        [("zelda", alice.otp.code()), ("bob", alice.otp.code()), ("alice", String::new())]
    {
        let told = device.ask(name, &code, &[]).await;
        assert_eq!(told, wrong, "{name}");
    }
    assert_eq!(wrong.attribute("Reply-Message"), None);
    assert_eq!(last_denial(&cluster, "bob").await, "BLOCKED");
    let right = device.ask("alice", &alice.otp.code(), &[]).await;
    assert!(right.accepted(), "{right:?}");
}

pub(crate) async fn block(cluster: &symbolon_testkit::Cluster, username: &str) {
    use symbolon_proto::v1;
    let admin = cluster.admin(1);
    let request = v1::BlockUserRequest {
        username: username.to_owned(),
        reason: "left".to_owned(),
        ..Default::default()
    };
    let mut users = v1::user_service_client::UserServiceClient::new(admin.channel());
    users.block_user(admin.request(request)).await.unwrap();
}

#[tokio::test]
async fn a_pin_that_must_be_changed_is_changed_by_challenges_at_any_node() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    cluster.admin(1).lend_pin("alice", "2580").await.unwrap();
    let code = format!("2580{}", alice.otp.code());
    let asked = device(&cluster, 1).ask("alice", &code, &[]).await;
    assert!(asked.is("Access-Challenge"), "{asked:?}");
    assert!(asked.attribute("Reply-Message").unwrap().contains("PIN must be changed"));
    let state = asked.attribute("State").unwrap().to_owned();
    let again = device(&cluster, 2).ask("alice", "1470369", &[("State", &state)]).await;
    assert!(again.is("Access-Challenge"), "{again:?}");
    let state = again.attribute("State").unwrap().to_owned();
    let other_user = device(&cluster, 3).ask("bob", "1470369", &[("State", &state)]).await;
    assert!(other_user.rejected(), "{other_user:?}");
    let done = device(&cluster, 3).ask("alice", "1470369", &[("State", &state)]).await;
    assert!(done.accepted(), "{done:?}");
}
