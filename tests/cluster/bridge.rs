//! A node that does not reach the master, and reaches one that does.

use std::time::Duration;

use futures_util::future::join;
use symbolon_testkit::{Cluster, Options, Person, Verdict, wait_until};
use tokio::task::JoinSet;

use crate::seize::PATIENCE;
use crate::support::binary;

const ROUNDS: usize = 20;
/// More than are on their way to the master at once.
const WRITES: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_the_master_verifies_through_another_and_no_code_counts_twice()
{
    let options = Options { nodes: 3, with_links: true, ..Options::default() };
    let cluster = Cluster::start_with(binary(), options).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", ROUNDS + 1).await;
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let far = cluster.other_than(master);
    let (first, people) = people.split_first().unwrap();

    cluster.cut(master, far);
    let clients = cluster.clients(&key);
    let (near, far_client) = (&clients[master - 1], &clients[far - 1]);
    let ask = async |person: &Person, step: u64| {
        far_client.verdict(person.request_with(person.otp.code_of(step))).await
    };
    wait_until("it verifies", PATIENCE, async || {
        let step = first.otp.step_now() + 1;
        ask(first, step).await.is_ok()
    })
    .await;
    for person in people {
        let request = person.request();
        let (here, there) = join(near.verdict(request.clone()), far_client.verdict(request)).await;
        let (here, there) = (here.unwrap(), there.unwrap());
        let allowed = [here, there].iter().filter(|verdict| verdict.is_allow()).count();
        assert_eq!(allowed, 1, "{here:?} {there:?}");
        assert!(!here.island && !there.island, "one of them sees both sides");
        assert!([here, there].iter().any(Verdict::is_used), "{here:?} {there:?}");
    }

    let status = cluster.admin(far).status().await.unwrap();
    assert_eq!(status.master, cluster.node(master).name(), "it knows who leads");
    let told = format!("reaches the master, node {}, only through", cluster.node(master).name());
    assert!(status.warnings.iter().any(|it| it.contains(&told)), "{:?}", status.warnings);
    let (code, why) = cluster.node(far).get("/readyz?for=writes").await.unwrap();
    assert!(code == 503 && why.contains("reached only through node"), "{code} {why}");
    assert_eq!(cluster.node(far).get("/readyz").await.unwrap().0, 200);
    let admin = cluster.admin(far).with_timeout(Duration::from_secs(3));
    admin.create_user("written-far-off").await.err().unwrap();

    cluster.heal();
    wait_until("it reaches the master", PATIENCE, async || {
        cluster.admin(far).create_user("written-far-off").await.is_ok()
    })
    .await;
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_cannot_reach_the_master_hold_up_no_sign_in() {
    let options = Options { nodes: 3, with_links: true, ..Options::default() };
    let cluster = Cluster::start_with(binary(), options).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", 2).await;
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let far = cluster.other_than(master);
    cluster.cut(master, far);
    let client = &cluster.clients(&key)[far - 1];
    wait_until("it verifies through another", PATIENCE, async || {
        let step = people[0].otp.step_now() + 1;
        client.verdict(people[0].request_with(people[0].otp.code_of(step))).await.is_ok()
    })
    .await;

    let mut writes = JoinSet::new();
    for number in 0..WRITES {
        let admin = cluster.admin(far).with_timeout(PATIENCE);
        writes.spawn(async move { admin.create_user(&format!("late-{number}")).await });
        // So that they travel one by one.
        cluster.admin(far).status().await.unwrap();
    }
    let verdict = client.verdict(people[1].request()).await.unwrap();
    assert!(verdict.is_allow(), "{verdict:?}");
    assert!(writes.try_join_next().is_none(), "all of them wait yet");
    cluster.heal();
    while writes.join_next().await.is_some() {}
    cluster.assert_same_state().await;
}
