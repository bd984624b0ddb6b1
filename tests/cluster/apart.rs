//! Two epochs of one cluster of which neither came of the other: two nodes were seized, or a copy of one
//! was. Both go on with sign-ins, and take nothing else until an administrator has decided.

use std::time::Duration;

use symbolon_testkit::{Client, Cluster, Code, step_now, wait_until};

use crate::seize::{CLUSTER, leads_in, linked, seize, shown, together_in, usernames};

const PATIENCE: Duration = Duration::from_secs(60);
const REFUSED: i32 = 78;
/// The copy, among those whose links can be cut.
const ELSEWHERE: usize = 9;

/// Waits until a node warns of an epoch apart with these words.
async fn warns(cluster: &Cluster, number: usize, words: &str) {
    let name = cluster.node(number).name();
    wait_until(&format!("{name} warns: {words}"), PATIENCE, async || {
        let status = cluster.admin(number).status().await;
        status.is_ok_and(|it| it.warnings.iter().any(|warning| warning.contains(words)))
    })
    .await;
}

/// That nothing but sign-ins is taken, and why is said.
async fn assert_waits(admin: &Client) {
    // Until the log has it, she is there already.
    wait_until("writes are refused", PATIENCE, async || {
        let refused = admin.create_user("anna").await.err();
        refused.is_some_and(|refused| refused.code() == Code::FailedPrecondition)
    })
    .await;
    let refused = admin.create_user("refused").await.err().unwrap();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("apart from this one"), "{}", refused.message());
    let refused = admin.create_application("refused").await.err().unwrap();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

async fn lineage(admin: &Client) -> String {
    admin.status().await.unwrap().lineage
}

/// Seizes with the first node and with the second, each cut off from all others. Their lineages.
async fn both_seized(cluster: &Cluster) -> [String; 2] {
    for number in cluster.numbers() {
        cluster.node(number).kill9();
    }
    for (number, others) in [(1, [2, 3]), (2, [1, 3])] {
        others.iter().for_each(|other| cluster.cut(number, *other));
        cluster.node(number).spawn();
        cluster.node(number).alive().await;
        seize(cluster, number, 2).await;
        cluster.admin(number).create_user(&format!("written-at-{number}")).await.unwrap();
    }
    [lineage(&cluster.admin(1)).await, lineage(&cluster.admin(2)).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_were_both_seized_the_one_goes_on_of_which_an_administrator_says_so() {
    let (cluster, key) = linked(3).await;
    let person = cluster.person("anna").await;
    cluster.settled().await;
    let lineages = both_seized(&cluster).await;
    // Nobody is discarded of whom nothing is known.
    let unknown = cluster.admin(1).discard_epoch(2, &lineages[1], CLUSTER).await.err().unwrap();
    assert_eq!(unknown.code(), Code::FailedPrecondition);

    cluster.heal();
    for (number, other) in [(1, 2), (2, 1)] {
        let told = format!("node {} is in epoch 2 of another lineage", cluster.node(other).name());
        warns(&cluster, number, &told).await;
    }
    for number in [1, 2] {
        let admin = cluster.admin(number);
        assert_waits(&admin).await;
        // Decided, whatever the floor says of the code.
        shown(&cluster, number, &key, &person, step_now()).await;
        assert!(!usernames(&cluster, number).await.iter().any(|name| name == "refused"));
    }
    // It is kept, also when the other is not there.
    cluster.node(2).kill9();
    cluster.node(1).restart().await;
    leads_in(&cluster, 1, 2).await;
    assert_waits(&cluster.admin(1)).await;
    cluster.cut(1, 2);
    cluster.node(2).start().await;
    leads_in(&cluster, 2, 2).await;
    assert_waits(&cluster.admin(2)).await;

    // Two administrators decide for one side each. Neither ends.
    let wrong = cluster.admin(1).discard_epoch(2, &lineages[1], "other").await.err().unwrap();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    for (number, other) in [(1, &lineages[1]), (2, &lineages[0])] {
        cluster.admin(number).discard_epoch(2, other, CLUSTER).await.unwrap();
        cluster.admin(number).create_user(&format!("decided-at-{number}")).await.unwrap();
    }
    cluster.heal();
    for number in [1, 2] {
        warns(&cluster, number, "each of the two was discarded by the other").await;
        assert_waits(&cluster.admin(number)).await;
    }

    // The next word counts.
    cluster.admin(1).discard_epoch(2, &lineages[1], CLUSTER).await.unwrap();
    wait_until("the other is back in this epoch", PATIENCE, async || {
        let status = cluster.admin(2).status().await;
        status.is_ok_and(|status| status.lineage == lineages[0])
    })
    .await;
    cluster.admin(1).create_user("written-after").await.unwrap();
    cluster.node(3).spawn();
    together_in(&cluster, 2).await;
    cluster.assert_same_state().await;
    let users = usernames(&cluster, 2).await;
    let has = |name: &str| users.iter().any(|user| user == name);
    assert!(has("written-at-1") && has("decided-at-1") && has("written-after"), "{users:?}");
    assert!(!has("written-at-2") && !has("decided-at-2"), "{users:?}");
    // What it took is listed there.
    let listed = cluster.admin(2).quarantines().await.unwrap();
    let [quarantine] = &listed[..] else { panic!("{} quarantines", listed.len()) };
    // Two users. Whom it discarded is not wanted again.
    assert_eq!((quarantine.writes, quarantine.open), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_seized_elsewhere_ends_nobody() {
    let (cluster, key) = linked(3).await;
    let person = cluster.person("anna").await;
    assert_eq!(cluster.node(1).terminate().await.code(), Some(0));
    let copy = cluster.copy_of(1, ELSEWHERE);
    cluster.node(1).start().await;
    cluster.settled().await;
    cluster.numbers().for_each(|number| cluster.cut(ELSEWHERE, number));
    copy.spawn();
    copy.alive().await;
    let admin = cluster.admin_of(&copy);
    assert!(admin.seize(copy.name(), CLUSTER).await.unwrap().begun);
    wait_until("the copy leads", PATIENCE, async || {
        admin.status().await.is_ok_and(|status| status.epoch == 2 && !status.master.is_empty())
    })
    .await;
    let copied = lineage(&admin).await;

    // Somebody gives it a way to the cluster.
    cluster.heal();
    for number in cluster.numbers() {
        warns(&cluster, number, "is in epoch 2 of another lineage").await;
    }
    let fresh = step_now() + 1;
    assert!(shown(&cluster, 1, &key, &person, fresh).await.is_allow());
    assert!(shown(&cluster, 2, &key, &person, fresh).await.is_used());
    for number in cluster.numbers() {
        assert_waits(&cluster.admin(number)).await;
        assert_eq!(cluster.admin(number).status().await.unwrap().epoch, 1);
        assert!(!cluster.node(number).data_dir().join("quarantine").exists());
    }
    // Nor is it forgotten when the node is away that it is a copy of.
    assert_eq!(cluster.node(1).terminate().await.code(), Some(0));
    let master = cluster.wait_for_master().await;
    assert_waits(&cluster.admin(master)).await;
    cluster.node(1).start().await;

    cluster.admin(2).discard_epoch(2, &copied, CLUSTER).await.unwrap();
    for number in cluster.numbers() {
        cluster.admin(number).create_user(&format!("written-at-{number}")).await.unwrap();
    }
    assert_eq!(copy.ended().await.code(), Some(REFUSED));
    assert!(copy.log_text().contains("is a copy of it"), "{}", copy.log_end());
    let status = cluster.admin(1).status().await.unwrap();
    assert_eq!(status.nodes.iter().map(|node| node.id).collect::<Vec<_>>(), [1, 2, 3]);
    cluster.assert_same_state().await;
}
