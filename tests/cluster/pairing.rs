//! Two nodes are paired, and then a master that dies takes nothing with it that it has acknowledged; or
//! the master is alone, and then nobody waits.

use std::time::{Duration, SystemTime};

use symbolon_testkit::{Client, Cluster, now, request_id, wait_for, wait_until};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::seize::{seize, together_in, usernames};
use crate::support::{cluster_of, milliseconds, random};

const PATIENCE: Duration = Duration::from_secs(60);
/// For the master to do without the other.
const ALONE_AFTER: Duration = Duration::from_millis(500);
const WRITES: usize = 20;
/// Masters that die, each with users being added at once by so many.
const ROUNDS: u64 = 10;
const WRITERS: usize = 8;
/// Users who are there before a master dies.
const USUAL: u64 = 30;
/// Longest wait before it does.
const SOON_MILLISECONDS: u16 = 300;
/// In so many rounds at least the two must have been paired to the end; a machine that is too busy to
/// answer for half a second has a master that is alone, and says so.
const PAIRED_TO_THE_END_MIN: usize = 5;
/// What a master logs when it goes on alone.
const WENT_ALONE: &str = "alone: the other node has not acknowledged";

const PAIRED: &str = "PAIRED";
const ALONE: &str = "ALONE";

/// How the two stand, as a node knows it.
async fn stand(admin: &Client) -> &'static str {
    admin.status().await.map_or("", |status| status.pairing().as_str_name())
}

async fn stands(cluster: &Cluster, number: usize, pairing: &str) {
    let what = format!("node {number} says {pairing}");
    wait_until(&what, PATIENCE, async || stand(&cluster.admin(number)).await == pairing).await;
}

async fn is_warned(admin: &Client) -> bool {
    let warnings = admin.status().await.unwrap().warnings;
    warnings.iter().any(|warning| warning.contains("is alone"))
}

/// Adds users one after the other. How long each took, shortest first.
async fn adds(admin: &Client, prefix: &str) -> Vec<Duration> {
    let mut times = Vec::new();
    for turn in 0..WRITES {
        let asked = Instant::now();
        admin.create_user(&format!("{prefix}-{turn}")).await.unwrap();
        times.push(asked.elapsed());
    }
    times.sort();
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_waits_once_for_a_subordinate_that_is_silent_and_is_paired_again_by_itself() {
    let (cluster, _) = cluster_of(2).await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    let admin = cluster.admin(master);
    assert_eq!(stand(&admin).await, PAIRED);
    assert!(!is_warned(&admin).await);
    let usual = adds(&admin, "paired").await;

    cluster.node(other).freeze();
    let asked = Instant::now();
    admin.create_user("first-alone").await.unwrap();
    let first = asked.elapsed();
    // Had it been answered before, the other would have had it.
    let status = admin.status().await.unwrap();
    assert_eq!(status.pairing().as_str_name(), ALONE);
    assert!(status.alone_since.is_some() && is_warned(&admin).await);
    assert_eq!(cluster.node(master).metrics().await.sum("symbolon_alone", &[]), 1.0);
    let alone = adds(&admin, "alone").await;
    assert!(
        alone.iter().sum::<Duration>() < ALONE_AFTER * u32::try_from(WRITES).unwrap() / 2,
        "they wait: {alone:?}"
    );
    println!(
        "writes of two nodes: {:.1?} while paired (median), the first without the other {first:.1?}, then \
         {:.1?}",
        usual[WRITES / 2],
        alone[WRITES / 2]
    );

    cluster.node(other).thaw();
    for number in cluster.numbers() {
        stands(&cluster, number, PAIRED).await;
        assert!(!is_warned(&cluster.admin(number)).await);
    }
    assert_eq!(cluster.node(master).metrics().await.sum("symbolon_alone", &[]), 0.0);
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_has_not_got_is_told_to_nobody_while_they_are_paired() {
    let (cluster, key) = cluster_of(2).await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    let person = cluster.person("anna").await;
    cluster.settled().await;
    let client = cluster.anonymous(master).with_bearer(&key);
    let mut request = person.request_with(person.otp.code());
    request.request_id = request_id().to_vec();

    cluster.node(other).freeze();
    let admin = cluster.admin(master);
    let is_under_way = Notify::new();
    let first = async {
        is_under_way.notify_one();
        let verdict = client.verdict(request.clone()).await.unwrap();
        (verdict.is_allow(), stand(&admin).await)
    };
    let again = async {
        is_under_way.notified().await;
        let verdict = client.verdict(request.clone()).await.unwrap();
        (verdict.is_allow(), stand(&admin).await)
    };
    let read = async {
        let told = wait_for("the sign-in is shown", PATIENCE, async || {
            let user = admin.get_user(&person.username).await.ok()?;
            user.tokens.iter().any(|token| token.last_time_step > 0).then_some(true)
        });
        (told.await, stand(&admin).await)
    };
    let told = tokio::join!(first, again, read);
    for (is_right, stand) in [told.0, told.1, told.2] {
        assert!(is_right);
        assert_eq!(stand, ALONE, "it was told, and the other has not got it");
    }
    cluster.node(other).thaw();
    cluster.settled().await;
    cluster.assert_same_state().await;
}

/// Somebody whose adding was acknowledged, and when.
type Added = (String, SystemTime);

/// Adds users by many at both nodes until one is gone. Who they were.
fn writers(cluster: &Cluster, round: u64) -> JoinSet<Vec<Added>> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let admin = cluster.admin(writer % 2 + 1).with_timeout(Duration::from_secs(3));
        writers.spawn(async move {
            let mut added = Vec::new();
            loop {
                let name = format!("r{round}-w{writer}-{}", added.len());
                if admin.create_user(&name).await.is_err() {
                    return added;
                }
                added.push((name, now()));
            }
        });
    }
    writers
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_a_paired_master_has_acknowledged_nothing_is_lost_when_it_dies() {
    let (cluster, _) = cluster_of(2).await;
    let mut paired_to_the_end = 0;
    let mut in_all = 0;
    for round in 1..=ROUNDS {
        let master = cluster.wait_for_master().await;
        let new = cluster.other_than(master);
        for number in cluster.numbers() {
            stands(&cluster, number, PAIRED).await;
        }
        let went_alone = || cluster.node(master).log_text().matches(WENT_ALONE).count();
        let before = went_alone();
        let users = cluster.admin(new).status().await.unwrap().users;
        let writers = writers(&cluster, round);
        wait_until("users are added", PATIENCE, async || {
            cluster.admin(new).status().await.is_ok_and(|status| status.users >= users + USUAL)
        })
        .await;
        sleep(milliseconds(random() % SOON_MILLISECONDS)).await;
        // In every other round the other node is slow at the end.
        if round % 2 == 0 {
            cluster.node(new).freeze();
            sleep(milliseconds(random() % SOON_MILLISECONDS)).await;
        }
        cluster.node(master).kill9();
        cluster.node(new).thaw();
        let added: Vec<Added> = writers.join_all().await.into_iter().flatten().collect();
        in_all += added.len();

        let admin = cluster.admin(new);
        let outlook = admin.seize(cluster.node(new).name(), "").await.unwrap();
        let whole_until = SystemTime::try_from(outlook.whole_until.unwrap()).unwrap();
        let is_paired = went_alone() == before;
        if is_paired {
            assert_eq!(outlook.pairing().as_str_name(), PAIRED, "round {round}");
            paired_to_the_end += 1;
        }
        seize(&cluster, new, round + 1).await;
        let there = usernames(&cluster, new).await;
        for (name, at) in &added {
            let is_promised = is_paired || *at < whole_until;
            assert!(!is_promised || there.contains(name), "round {round}: {name} is lost");
        }
        cluster.node(master).spawn();
        together_in(&cluster, round + 1).await;
    }
    println!("{in_all} users; in {paired_to_the_end} of {ROUNDS} rounds paired to the end");
    assert!(paired_to_the_end >= PAIRED_TO_THE_END_MIN, "only {paired_to_the_end} rounds");
    cluster.assert_same_state().await;
}
