//! A master that does not run for a while and knows nothing of it, as a virtual machine that is moved.

use std::time::Duration;

use symbolon_testkit::{Cluster, Person, Status, Verdict, request_id};
use tokio::task::JoinSet;

use crate::load::Load;
use crate::support::cluster_of;

const CALLS_A_SECOND: u32 = 50;
/// So many calls of the others: half a minute.
const MEANWHILE: usize = 1500;
const PEOPLE: usize = 2000;
/// Calls that the master had begun, and calls that wait at its port.
const BEGUN: usize = 30;
const QUEUED: usize = 30;
/// Longer than it is away.
const WAITS: Duration = Duration::from_secs(90);

type Asked = JoinSet<(Person, u64, Result<Verdict, Status>)>;

/// Asks a node with everybody's code of the next step, which is good for the next minute.
fn ask(cluster: &Cluster, (number, key): (usize, &str), people: &[Person]) -> Asked {
    let client = cluster.anonymous(number).with_bearer(key).with_timeout(WAITS);
    let mut asked = JoinSet::new();
    for person in people.iter().cloned() {
        let client = client.clone();
        asked.spawn(async move {
            let step = person.otp.step_now() + 1;
            let mut request = person.request_with(person.otp.code_of(step));
            request.request_id = request_id().to_vec();
            let verdict = client.verdict(request).await;
            (person, step, verdict)
        });
    }
    asked
}

/// What a node says to a code under a request id of its own.
async fn shown(cluster: &Cluster, (number, key): (usize, &str), of: (&Person, u64)) -> Verdict {
    let client = cluster.anonymous(number).with_bearer(key);
    client.verdict(of.0.request_with(of.0.otp.code_of(of.1))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_slept_takes_no_code_that_was_used_meanwhile() {
    let (cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", PEOPLE).await;
    let begun = cluster.people("begun", BEGUN).await;
    let queued = cluster.people("queued", QUEUED).await;
    let old = cluster.wait_for_master().await;
    let other = cluster.other_than(old);
    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    load.usual(CALLS_A_SECOND as usize).await;

    let mut begun = ask(&cluster, (old, &key), &begun);
    // When some are through, others are on their way.
    let first = begun.join_next().await.unwrap().unwrap();
    cluster.node(old).freeze();
    let mut waiting = ask(&cluster, (old, &key), &queued);
    load.usual(CALLS_A_SECOND as usize).await;
    let used = queued.iter().map(|person| (person, person.otp.step_now() + 1));
    let used: Vec<_> = used.collect();
    for of in &used {
        assert!(shown(&cluster, (other, &key), *of).await.is_allow(), "sign-ins go on");
    }
    load.usual(MEANWHILE).await;
    cluster.node(old).thaw();

    let mut answers = 0;
    while let Some(answer) = waiting.join_next().await {
        let (person, _, verdict) = answer.unwrap();
        assert!(!verdict.as_ref().is_ok_and(Verdict::is_allow), "{}: {verdict:?}", person.username);
        answers += usize::from(verdict.is_ok());
    }
    println!("{answers} of {QUEUED} that waited at its port were denied, the others refused");
    cluster.node(old).ready().await;
    // What it has said yes to is used for everybody.
    let mut allowed = 0;
    let mut calls: Vec<_> = begun.join_all().await;
    calls.push(first);
    for (person, step, _) in calls.iter().filter(|it| it.2.as_ref().is_ok_and(Verdict::is_allow)) {
        allowed += 1;
        let again = shown(&cluster, (other, &key), (person, *step)).await;
        assert!(!again.is_allow(), "{}: {again:?}", person.username);
    }
    println!("{allowed} of {BEGUN} that it had begun were allowed");
    for of in &used {
        assert!(!shown(&cluster, (old, &key), *of).await.is_allow(), "{}", of.0.username);
    }
    assert!(cluster.wait_for_master().await != old || allowed > 0);
    load.stop().await.assert_all_allowed();
    cluster.assert_same_state().await;
}
