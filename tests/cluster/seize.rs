//! The quorum is gone for good, and an administrator has one node go on without it. Those who come back
//! later come back as the cluster is by then.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use symbolon_testkit::v1::{GetStatusResponse, Pairing, Role};
use symbolon_testkit::{
    Cluster, Code, Options, Person, Verdict, now, step_now, wait_for, wait_until,
};

use crate::support::binary;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const CLUSTER: &str = "test";

/// A settled cluster whose links can be cut, and the API key of an application.
pub(crate) async fn linked(nodes: usize) -> (Cluster, String) {
    let options = Options { nodes, with_links: true, ..Options::default() };
    let cluster = Cluster::start_with(binary(), options).await;
    let key = cluster.application("portal").await;
    (cluster, key)
}

/// Seizes with a node and waits until it leads in that epoch.
pub(crate) async fn seize(cluster: &Cluster, number: usize, epoch: u64) {
    let name = cluster.node(number).name();
    let seizure = cluster.admin(number).seize(name, CLUSTER).await.unwrap();
    assert!(seizure.begun);
    assert_eq!(seizure.epoch, epoch);
    leads_in(cluster, number, epoch).await;
}

/// Seizes with a node unless a quorum answers; then that one has a master. Whether it was needed.
pub(crate) async fn seize_if_needed(cluster: &Cluster, number: usize, epoch: u64) -> bool {
    let name = cluster.node(number).name();
    match cluster.admin(number).seize(name, CLUSTER).await {
        Ok(seizure) => assert!(seizure.begun),
        Err(refused) => {
            assert!(refused.message().contains("a quorum answers"), "{}", refused.message());
            return false;
        }
    }
    leads_in(cluster, number, epoch).await;
    true
}

pub(crate) async fn leads_in(cluster: &Cluster, number: usize, epoch: u64) {
    let name = cluster.node(number).name();
    wait_until(&format!("{name} leads in epoch {epoch}"), PATIENCE, async || {
        let status = cluster.admin(number).status().await;
        status.is_ok_and(|status| status.epoch == epoch && status.master == name)
    })
    .await;
}

/// Waits until every node that runs is in the epoch, and none was left behind.
pub(crate) async fn together_in(cluster: &Cluster, epoch: u64) {
    for number in cluster.numbers() {
        let name = cluster.node(number).name();
        wait_until(&format!("{name} is in epoch {epoch}"), PATIENCE, async || {
            cluster.admin(number).status().await.is_ok_and(|status| is_whole(&status, epoch))
        })
        .await;
    }
    cluster.settled().await;
}

fn is_whole(status: &GetStatusResponse, epoch: u64) -> bool {
    status.epoch == epoch
        && !status.master.is_empty()
        && !status.warnings.iter().any(|warning| warning.contains("left behind"))
}

/// Both users are listed; one is applied again, the other's name was taken, and it is given up.
async fn what_it_took_is_listed_and_applied_again(
    cluster: &Cluster,
    (holder, name): (usize, &str),
) {
    let admin = cluster.admin(holder);
    let listed = admin.quarantines().await.unwrap();
    let [quarantine] = &listed[..] else { panic!("{} quarantines", listed.len()) };
    assert_eq!((&*quarantine.name, &*quarantine.node), (name, cluster.node(holder).name()));
    assert_eq!((quarantine.writes, quarantine.open, quarantine.conflicts), (2, 2, 1));
    assert_eq!(quarantine.verifications, 1);
    assert!(cluster.admin(cluster.other_than(holder)).quarantines().await.unwrap().is_empty());

    let done = admin.reapply(name, &[]).await.unwrap();
    let [first, second] = &done[..] else { panic!("{} writes", done.len()) };
    assert!(first.log_index > 0 && first.refusal.is_empty(), "{}", first.refusal);
    assert!(second.refusal.contains("another has the name"), "{}", second.refusal);
    cluster.settled().await;
    for number in cluster.numbers() {
        let users = usernames(cluster, number).await;
        assert!(users.iter().any(|name| name == "written-alone-1"), "{users:?}");
    }
    // Once, however often it is asked for.
    let again = admin.reapply(name, &[]).await.unwrap();
    assert!(again.iter().all(|write| write.id == second.id), "only what is open is tried again");
    assert_eq!(admin.give_up(name, second.id).await.unwrap(), 1);
    let listed = admin.quarantines().await.unwrap();
    assert_eq!(listed.first().map(|it| (it.writes, it.open)), Some((2, 0)));
    cluster.assert_same_state().await;
}

pub(crate) async fn usernames(cluster: &Cluster, number: usize) -> Vec<String> {
    let users = cluster.admin(number).list_users().await.unwrap();
    users.into_iter().map(|user| user.username).collect()
}

/// What a node says to the code of a step.
pub(crate) async fn shown(
    cluster: &Cluster,
    number: usize,
    key: &str,
    person: &Person,
    step: u64,
) -> Verdict {
    let client = cluster.anonymous(number).with_bearer(key);
    client.verdict(person.request_with(person.otp.code_of(step))).await.unwrap()
}

/// Whom it leaves behind, and from when on writes may be missing: of those that both had none is.
async fn it_is_told_what_a_seize_would_be(
    cluster: &Cluster,
    (old, new): (usize, usize),
    whole_until: Range<SystemTime>,
) {
    let name = cluster.node(new).name();
    let outlook = cluster.admin(new).seize(name, "").await.unwrap();
    assert!(!outlook.begun);
    assert_eq!(outlook.left_behind, [cluster.node(old).name()]);
    let told = SystemTime::try_from(outlook.whole_until.unwrap()).unwrap();
    assert!(whole_until.contains(&told), "{told:?} is not in {whole_until:?}");
    let wrong = cluster.admin(new).seize(name, "other").await.err().unwrap();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let elsewhere =
        cluster.admin(new).seize(cluster.node(old).name(), CLUSTER).await.err().unwrap();
    assert!(elsewhere.message().contains("only the node itself"), "{}", elsewhere.message());
    assert_eq!(cluster.admin(new).status().await.unwrap().epoch, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_goes_on_alone_and_the_old_master_comes_back_as_a_subordinate() {
    let (cluster, key) = linked(2).await;
    let old = cluster.wait_for_master().await;
    let new = cluster.other_than(old);
    let together = now();
    let person = cluster.person("anna").await;
    cluster.settled().await;

    // Cut off, the master goes on alone: what it takes now only it has.
    cluster.cut(1, 2);
    wait_until("the master is alone", PATIENCE, async || {
        let status = cluster.admin(old).status().await;
        status.is_ok_and(|status| status.pairing() == Pairing::Alone)
    })
    .await;
    let apart = now();
    for name in ["written-alone-1", "written-alone-2"] {
        cluster.admin(old).create_user(name).await.unwrap();
    }
    let spent = step_now() + 1;
    assert!(shown(&cluster, old, &key, &person, spent).await.is_allow());
    cluster.node(old).kill9();

    it_is_told_what_a_seize_would_be(&cluster, (old, new), together..apart).await;

    seize(&cluster, new, 2).await;
    cluster.admin(new).create_user("written-after").await.unwrap();
    // Somebody else has taken one of the names.
    cluster.admin(new).create_user("written-alone-2").await.unwrap();
    // The code that the lost master took, which this node never heard of.
    if step_now() <= spent + 1 {
        assert!(shown(&cluster, new, &key, &person, spent).await.is_used());
    }

    // The old master comes back as it was, and is one of the new epoch at once.
    cluster.heal();
    cluster.node(old).spawn();
    together_in(&cluster, 2).await;
    assert_eq!(cluster.wait_for_master().await, new);
    let status = cluster.admin(new).status().await.unwrap();
    assert!(status.pairing() == Pairing::Paired);
    let role_of = |name| status.nodes.iter().find(|node| node.name == name).map(|node| node.role());
    assert!(role_of(cluster.node(old).name()) == Some(Role::Learner));
    let users = usernames(&cluster, old).await;
    assert!(users.iter().any(|name| name == "written-after"), "{users:?}");
    assert!(!users.iter().any(|name| name == "written-alone-1"), "{users:?}");
    cluster.assert_same_state().await;
    let aside = format!("node-{old}");
    what_it_took_is_listed_and_applied_again(&cluster, (old, &aside)).await;

    // Codes of the steps after the floor count, at both.
    let fresh = wait_for("a code after the floor", Duration::from_secs(150), async || {
        let step = step_now();
        shown(&cluster, old, &key, &person, step).await.is_allow().then_some(step)
    })
    .await;
    assert!(fresh > spent);
    assert!(shown(&cluster, new, &key, &person, fresh).await.is_used());

    // The subordinate is not missed.
    assert_eq!(cluster.node(old).terminate().await.code(), Some(0));
    cluster.admin(new).create_user("written-without-it").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_seized_while_a_quorum_answers() {
    let (cluster, _) = linked(3).await;
    cluster.node(3).kill9();
    cluster.wait_for_master().await;
    for number in [1, 2] {
        let name = cluster.node(number).name();
        let refused = cluster.admin(number).seize(name, CLUSTER).await.err().unwrap();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("a quorum answers"), "{}", refused.message());
    }
    cluster.admin(1).create_user("as-before").await.unwrap();
    assert_eq!(cluster.admin(1).status().await.unwrap().epoch, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_come_back_by_themselves_and_write_are_set_right_when_they_meet_the_third() {
    let (cluster, _) = linked(3).await;
    for number in [1, 2] {
        cluster.node(number).kill9();
    }
    seize(&cluster, 3, 2).await;
    cluster.admin(3).create_user("of-epoch-two").await.unwrap();

    // The others never hear of it, and have a quorum.
    cluster.cut(1, 3);
    cluster.cut(2, 3);
    for number in [1, 2] {
        cluster.node(number).spawn();
    }
    for number in [1, 2] {
        cluster.node(number).ready().await;
    }
    cluster.admin(1).create_user("of-epoch-one").await.unwrap();

    cluster.heal();
    together_in(&cluster, 2).await;
    for number in cluster.numbers() {
        let users = usernames(&cluster, number).await;
        assert!(users.iter().any(|name| name == "of-epoch-two"), "{users:?}");
        assert!(!users.iter().any(|name| name == "of-epoch-one"), "{users:?}");
    }
    cluster.assert_same_state().await;
    // Any of them may be lost again.
    let master = cluster.wait_for_master().await;
    cluster.node(master).kill9();
    wait_until("another leads", PATIENCE, async || {
        let other = cluster.any_running();
        cluster.admin(other).create_user("after-a-failover").await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seize_that_is_cut_off_goes_on_at_the_next_start() {
    let (cluster, _) = linked(2).await;
    let old = cluster.wait_for_master().await;
    let new = cluster.other_than(old);
    cluster.node(old).kill9();
    let name = cluster.node(new).name();
    assert!(cluster.admin(new).seize(name, CLUSTER).await.unwrap().begun);
    cluster.node(new).kill9();
    cluster.node(new).start().await;
    leads_in(&cluster, new, 2).await;
    cluster.admin(new).create_user("of-epoch-two").await.unwrap();
    cluster.node(old).spawn();
    together_in(&cluster, 2).await;
    cluster.assert_same_state().await;
}
