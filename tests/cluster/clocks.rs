//! Clocks that jump, stand or run: nothing that is to last ends early, and right codes stay right.

use std::time::Duration;

use symbolon_proto::v1::{ReasonDetail, Role};
use symbolon_testkit::{
    Client, Cluster, Options, Person, Status, now_seconds, wait_for, wait_until,
};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::support::{binary, next_of};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the clock of a test is set that runs too fast.
const TENTH: Duration = Duration::from_millis(100);

/// What a clock does.
#[derive(Clone, Copy)]
enum Wrong {
    Ahead(Duration),
    Behind(Duration),
    /// It goes so many times too fast.
    Runs(u32),
}

async fn cluster_of(nodes: usize) -> Cluster {
    let options = Options { nodes, with_clocks: true, ..Options::default() };
    let cluster = Cluster::start_with(binary(), options).await;
    cluster.application("portal").await;
    cluster
}

/// Lets a clock go wrong, for as long as the task runs.
fn go_wrong(cluster: &Cluster, number: usize, wrong: Wrong) -> impl Future<Output = ()> {
    let node = cluster.node(number);
    match wrong {
        Wrong::Ahead(off) => node.set_clock(off, true),
        Wrong::Behind(off) => node.set_clock(off, false),
        Wrong::Runs(_) => {}
    }
    let began = Instant::now();
    async move {
        let Wrong::Runs(times) = wrong else { return std::future::pending().await };
        loop {
            node.set_clock(began.elapsed() * (times - 1), true);
            sleep(TENTH).await;
        }
    }
}

/// Somebody who waits for a day after a wrong code.
async fn somebody_who_waits(cluster: &Cluster) -> Person {
    let day = [
        ("lockout.longest_wait", 86_400),
        ("lockout.first_wait", 86_400),
        ("lockout.threshold", 1),
    ];
    cluster.admin(1).set(&day).await.unwrap();
    let person = cluster.person("guessed").await;
    let wrong = ask(&cluster.admin(1), &person, person.otp.wrong_code()).await.unwrap();
    assert!(wrong == ReasonDetail::CodeMismatch);
    assert!(is_waiting(cluster, 1, &person).await);
    person
}

async fn ask(admin: &Client, person: &Person, code: String) -> Result<ReasonDetail, Status> {
    let mut request = person.request_with(code);
    request.application = "portal".to_owned();
    admin.verdict(request).await.map(|verdict| verdict.detail)
}

async fn is_waiting(cluster: &Cluster, number: usize, person: &Person) -> bool {
    let told = ask(&cluster.admin(number), person, person.otp.code()).await.unwrap();
    told == ReasonDetail::Waiting
}

/// A new user signs in at a node with the code of the real time.
async fn signs_in(cluster: &Cluster, number: usize, name: &str) {
    let person = cluster.admin(number).create_person(name).await;
    let person = person.unwrap_or_else(|status| panic!("{name} at node {number}: {status}"));
    let told = ask(&cluster.admin(number), &person, person.otp.code()).await;
    let told = told.unwrap_or_else(|status| panic!("{name} at node {number}: {status}"));
    assert!(told == ReasonDetail::Unspecified, "{name} at node {number}: {}", told.as_str_name());
}

/// A warning of a node's status with these words.
async fn warns(cluster: &Cluster, number: usize, words: &str) -> bool {
    let status = cluster.admin(number).status().await;
    status.is_ok_and(|status| status.warnings.iter().any(|warning| warning.contains(words)))
}

async fn until_warned(cluster: &Cluster, number: usize, words: &str) {
    let what = format!("node {number} warns: {words}");
    wait_until(&what, PATIENCE, async || warns(cluster, number, words).await).await;
}

/// The clock of the master of three goes wrong.
async fn a_master_goes_wrong(wrong: Wrong) {
    let cluster = cluster_of(3).await;
    let waiting = somebody_who_waits(&cluster).await;
    let old = cluster.wait_for_master().await;
    let right: Vec<_> = cluster.numbers().filter(|number| *number != old).collect();
    let checks = async {
        let new = wait_for("another leads", PATIENCE, async || {
            let status = cluster.admin(right[0]).status().await.ok()?;
            let leads = |number: &&usize| cluster.node(**number).name() == status.master;
            right.iter().find(leads).copied()
        });
        let new = new.await;
        let name = cluster.node(old).name();
        for number in &right {
            until_warned(&cluster, *number, &format!("the clock of node {name} is ")).await;
            until_warned(&cluster, *number, "it judges no time-based codes, and does not lead")
                .await;
            signs_in(&cluster, *number, &format!("at-{number}")).await;
            assert!(is_waiting(&cluster, *number, &waiting).await);
        }

        // The node whose clock is off says so to whoever asks it, and tells nothing of anybody.
        let (status, body) = cluster.node(old).get("/readyz").await.unwrap();
        assert_eq!((status, body.contains("clock")), (503, true), "{body}");
        let admin = cluster.admin(old);
        let known = cluster.person("known").await;
        let nobody = Person { username: "nobody".to_owned(), ..known.clone() };
        let mut told = Vec::new();
        for person in [&known, &waiting, &nobody] {
            let refusal = ask(&admin, person, person.otp.code()).await.err().unwrap();
            told.push((refusal.code(), refusal.message().to_owned()));
        }
        assert_eq!(told[0].0, Code::Unavailable, "{told:?}");
        assert!(told[0].1.contains("clock") && told.iter().all(|it| *it == told[0]), "{told:?}");
        let metric = cluster.node(old).metrics().await.sum("symbolon_clock_offset_seconds", &[]);
        assert!(metric.abs() > 30.0, "{metric}");

        // It is not given the lead back, nor to who asks for it.
        let refusal = cluster.admin(new).promote_subordinate(name).await.unwrap_err();
        assert!(refusal.message().contains("clock"), "{}", refusal.message());
        new
    };
    let new = tokio::select! {
        new = checks => new,
        () = go_wrong(&cluster, old, wrong) => unreachable!("it goes on"),
    };

    // Once it is right again, it is as any other.
    cluster.node(old).set_clock(Duration::ZERO, true);
    wait_until("the node is ready again", PATIENCE, async || {
        matches!(cluster.node(old).get("/readyz").await, Some((200, _)))
    })
    .await;
    signs_in(&cluster, old, "back").await;
    assert!(is_waiting(&cluster, old, &waiting).await);
    assert_eq!(cluster.wait_for_master().await, new, "nobody takes the lead from who has it");
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_a_year_ahead_steps_aside_and_nothing_ends_early() {
    a_master_goes_wrong(Wrong::Ahead(YEAR)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_an_hour_behind_steps_aside_and_right_codes_stay_right() {
    a_master_goes_wrong(Wrong::Behind(HOUR)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_whose_clock_runs_too_fast_steps_aside() {
    a_master_goes_wrong(Wrong::Runs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_nobody_can_follow_decides_nothing_and_says_why() {
    let cluster = cluster_of(4).await;
    let master = cluster.wait_for_master().await;
    let nodes = cluster.admin(master).status().await.unwrap().nodes;
    let role = |number: usize| {
        nodes.iter().find(|node| node.name == cluster.node(number).name()).unwrap().role()
    };
    let others: Vec<_> =
        cluster.numbers().filter(|number| role(*number) == Role::Subordinate).collect();
    let learner = cluster.numbers().find(|number| role(*number) == Role::Learner).unwrap();
    let (one, other) = (others[0], others[1]);
    cluster.node(other).kill9();
    cluster.node(one).set_clock(MINUTE, false);
    for number in [learner, master] {
        until_warned(&cluster, number, "does not lead").await;
    }
    let person = cluster.admin(learner).create_person("alice").await.unwrap();
    cluster.node(master).set_clock(MINUTE, true);
    until_warned(&cluster, learner, "nothing is decided while it is the master").await;
    let refusals = [
        cluster.admin(master).create_user("bob").await.err(),
        ask(&cluster.admin(learner), &person, person.otp.code()).await.err(),
    ];
    let words = format!("the clock of node {}, the master, is", cluster.node(master).name());
    for refusal in refusals.map(Option::unwrap) {
        assert_eq!(refusal.code(), Code::Unavailable);
        assert!(refusal.message().contains(&words), "{}", refusal.message());
    }
    cluster.node(master).set_clock(Duration::ZERO, true);
    wait_until("something is decided", PATIENCE, async || {
        ask(&cluster.admin(learner), &person, person.otp.code()).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_two_that_are_left_only_warn() {
    let cluster = cluster_of(3).await;
    let master = cluster.wait_for_master().await;
    let (one, other) = (next_of(master, 3), next_of(next_of(master, 3), 3));
    cluster.node(one).set_clock(MINUTE, true);
    until_warned(&cluster, other, "does not lead").await;
    cluster.node(other).kill9();
    // Of the two that are left nobody can tell which is right.
    until_warned(&cluster, master, "of two clocks nobody can tell").await;
    wait_until("the other is ready", PATIENCE, async || {
        matches!(cluster.node(one).get("/readyz").await, Some((200, _)))
    })
    .await;
    signs_in(&cluster, master, "alice").await;
    signs_in(&cluster, one, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_node_follows_no_jump_until_an_administrator_confirms_it() {
    let cluster = cluster_of(1).await;
    let waiting = somebody_who_waits(&cluster).await;
    let node = cluster.node(1);
    for (off, ahead) in [(HOUR, false), (YEAR, true)] {
        node.set_clock(off, ahead);
        let way = if ahead { "365 days ahead of" } else { "1 h behind" };
        until_warned(&cluster, 1, &format!("is {way} where it was expected")).await;
        assert!(warns(&cluster, 1, "symbolon cluster confirm-clock").await);
        let name = if ahead { "a-year-ahead" } else { "an-hour-behind" };
        signs_in(&cluster, 1, name).await;
        assert!(is_waiting(&cluster, 1, &waiting).await);
        assert_eq!(node.get("/readyz").await, Some((200, "ok\n".to_owned())));
    }
    let admin = cluster.admin(1);
    admin.confirm_clock().await.unwrap();
    let later = waiting.otp.code_at(now_seconds() + YEAR.as_secs());
    let told = ask(&admin, &waiting, later).await.unwrap();
    assert!(told == ReasonDetail::Unspecified, "the wait is over: {}", told.as_str_name());
    assert!(!warns(&cluster, 1, "it is not followed").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_runs_too_fast_ends_no_wait_early() {
    const WAIT: Duration = Duration::from_secs(20);
    let cluster = cluster_of(1).await;
    let wait = WAIT.as_secs();
    let waits =
        [("lockout.longest_wait", wait), ("lockout.first_wait", wait), ("lockout.threshold", 1)];
    cluster.admin(1).set(&waits).await.unwrap();
    let person = cluster.person("guessed").await;
    let checks = async {
        // Time must be seen to run, or there would be nothing to follow.
        until_warned(&cluster, 1, "it is not followed").await;
        let began = Instant::now();
        let wrong = ask(&cluster.admin(1), &person, person.otp.wrong_code()).await.unwrap();
        assert!(wrong == ReasonDetail::CodeMismatch);
        let ended = wait_for("the wait is over", PATIENCE, async || {
            let is_over = !is_waiting(&cluster, 1, &person).await;
            is_over.then(|| began.elapsed())
        });
        ended.await
    };
    let ended = tokio::select! {
        ended = checks => ended,
        () = go_wrong(&cluster, 1, Wrong::Runs(10)) => unreachable!("it goes on"),
    };
    assert!(ended > WAIT - Duration::from_secs(5), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_neither_follows_a_jump_and_both_go_on() {
    let cluster = cluster_of(2).await;
    let waiting = somebody_who_waits(&cluster).await;
    for number in cluster.numbers() {
        cluster.node(number).set_clock(YEAR, true);
        let name = cluster.node(number).name();
        let other = next_of(number, 2);
        until_warned(&cluster, number, "it is not followed").await;
        until_warned(&cluster, other, &format!("the clock of node {name} is 365 days ahead")).await;
        for at in cluster.numbers() {
            signs_in(&cluster, at, &format!("jump-{number}-at-{at}")).await;
            assert!(is_waiting(&cluster, at, &waiting).await);
        }
        cluster.node(number).set_clock(Duration::ZERO, true);
        wait_until("it is followed again", PATIENCE, async || {
            !warns(&cluster, number, "it is not followed").await
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_node_that_starts_two_hours_behind_says_so_until_it_is_confirmed() {
    let cluster = cluster_of(1).await;
    let node = cluster.node(1);
    node.terminate().await;
    node.set_clock(2 * HOUR, false);
    node.start().await;
    cluster.wait_for_master().await;
    until_warned(&cluster, 1, "symbolon cluster confirm-clock").await;
    assert!(warns(&cluster, 1, "2 h behind the last stamp").await);
    cluster.admin(1).confirm_clock().await.unwrap();
    assert!(!warns(&cluster, 1, "behind the last stamp").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_node_that_starts_a_year_ahead_is_reached_once_its_clock_is_right() {
    let cluster = cluster_of(1).await;
    let node = cluster.node(1);
    node.terminate().await;
    node.set_clock(YEAR, true);
    node.start().await;
    assert!(cluster.admin(1).status().await.is_err(), "its certificate is of next year");
    node.set_clock(Duration::ZERO, true);
    wait_until("its certificate is taken", PATIENCE, async || {
        cluster.admin(1).status().await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_that_starts_a_year_ahead_takes_the_time_of_the_other() {
    let cluster = cluster_of(2).await;
    let waiting = somebody_who_waits(&cluster).await;
    let master = cluster.wait_for_master().await;
    let other = next_of(master, 2);
    cluster.node(master).terminate().await;
    cluster.node(master).set_clock(YEAR, true);
    cluster.node(master).start().await;
    wait_until("there is a master", PATIENCE, async || {
        let status = cluster.admin(other).status().await;
        status.is_ok_and(|status| !status.master.is_empty())
    })
    .await;
    signs_in(&cluster, other, "alice").await;
    assert!(is_waiting(&cluster, other, &waiting).await);
}
