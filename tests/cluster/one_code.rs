//! One code is good once, wherever and however often it is shown.

use futures_util::future::join_all;
use symbolon_testkit::{Client, Person, Verdict};

use crate::support::cluster_of;

const ROUNDS: usize = 50;
const CALLS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_calls_with_one_code_give_one_allow() {
    let (cluster, key) = cluster_of(3).await;
    let clients = cluster.clients(&key);
    for round in 1..=ROUNDS {
        let person = cluster.person(&format!("round-{round}")).await;
        let verdicts = all_at_once(&clients, &person).await;
        let allowed = verdicts.iter().filter(|verdict| verdict.is_allow()).count();
        let used = verdicts.iter().filter(|verdict| verdict.is_used()).count();
        assert_eq!((allowed, used), (1, CALLS - 1), "round {round}");
        let user = cluster.admin(1).get_user(&person.username).await.unwrap();
        assert_eq!(user.failures, 0, "round {round}");
    }
}

async fn all_at_once(clients: &[Client], person: &Person) -> Vec<Verdict> {
    let code = person.otp.code();
    let calls = clients.iter().cycle().take(CALLS).map(|client| {
        let (client, request) = (client.clone(), person.request_with(code.clone()));
        tokio::spawn(async move { client.verdict(request).await.unwrap() })
    });
    let calls: Vec<_> = calls.collect();
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}
