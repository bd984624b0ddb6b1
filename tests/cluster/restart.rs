//! All nodes die at once under load, and come back with everything they had acknowledged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt as _, stream};
use symbolon_testkit::{Client, Cluster, request_id};

use crate::load::{Call, Load};
use crate::support::{cluster_of, next_of};

const PEOPLE: usize = 1000;
const CALLS_A_SECOND: u32 = 200;
const CALLS_BEFORE: usize = 400;
const AT_ONCE: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_all_nodes_die_at_once() {
    let (cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", PEOPLE).await;
    let created: Arc<Mutex<Vec<String>>> = Arc::default();
    let creators = cluster.numbers().map(|number| {
        let (admin, created) = (cluster.admin(number), Arc::clone(&created));
        tokio::spawn(create_users(admin, format!("late-{number}"), created))
    });
    let creators: Vec<_> = creators.collect();
    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    load.usual(CALLS_BEFORE).await;
    cluster.kill9_all();
    let calls = load.stop().await;
    for creator in creators {
        creator.await.unwrap();
    }

    cluster.start_all().await;
    cluster.wait_for_master().await;
    let clients = cluster.clients(&key);
    let allowed: Vec<_> = calls.allowed().collect();
    assert!(allowed.len() >= CALLS_BEFORE);
    stream::iter(&allowed)
        .for_each_concurrent(AT_ONCE, |call| assert_stays_used(&clients, call))
        .await;
    let created = created.lock().unwrap().clone();
    println!("{} sign-ins and {} new users were acknowledged", allowed.len(), created.len());
    assert_users_are_there(&cluster, &created, &allowed).await;
    cluster.assert_same_state().await;
}

/// Adds users until the node is gone.
async fn create_users(admin: Client, prefix: String, created: Arc<Mutex<Vec<String>>>) {
    for number in 1.. {
        let name = format!("{prefix}-{number}");
        if admin.create_user(&name).await.is_err() {
            return;
        }
        created.lock().unwrap().push(name);
    }
}

/// The same request gets the first answer again, another one with the same code is refused.
async fn assert_stays_used(clients: &[Client], call: &Call) {
    let client = &clients[next_of(call.node, clients.len()) - 1];
    let again = client.verdict(call.request.clone()).await.unwrap();
    assert_eq!(Some(&again), call.result.as_ref().ok(), "sent again after {:?}", call.at.elapsed());
    let mut other = call.request.clone();
    other.request_id = request_id().to_vec();
    let verdict = client.verdict(other).await.unwrap();
    assert!(verdict.is_used(), "{verdict:?} after {:?}", call.at.elapsed());
}

async fn assert_users_are_there(cluster: &Cluster, created: &[String], allowed: &[&Call]) {
    for number in cluster.numbers() {
        let users = cluster.admin(number).list_users().await.unwrap();
        let names: BTreeSet<_> = users.iter().map(|user| &user.username).collect();
        let lost: Vec<_> = created.iter().filter(|name| !names.contains(name)).collect();
        assert!(lost.is_empty(), "node {number} has lost {lost:?}");
        let signed_in: BTreeSet<_> = allowed.iter().map(|call| &call.person.username).collect();
        for user in users.iter().filter(|user| signed_in.contains(&user.username)) {
            let used = user.tokens.iter().map(|token| token.used);
            assert_eq!(used.collect::<Vec<_>>(), [true], "{}", user.username);
            assert_eq!(user.failures, 0, "{}", user.username);
        }
    }
}
