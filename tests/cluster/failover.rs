//! The master dies again and again, and nobody who signs in is refused.

use std::time::Duration;

use symbolon_testkit::{Verdict, rounds};

use crate::load::{Calls, Load};
use crate::support::{assert_no_failures, cluster_of};

const CALLS_A_SECOND: u32 = 200;
const CALLS_BETWEEN_KILLS: usize = 300;
/// Whatever the time of the first call, each of them has two codes in its 30 s, and one more in each
/// 30 s after that: enough for a minute, and with some hundreds more for ever.
const PEOPLE: usize = 4000;
const PEOPLE_FOR_EVER: usize = 6600;
/// How often the master is killed, unless somebody wants it more often.
const KILLS: usize = 10;
const LONGEST_WAIT_MAX: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn masters_are_killed_again_and_again_and_nobody_is_refused() {
    let (cluster, key) = cluster_of(3).await;
    let kills = rounds("SYMBOLON_MASTER_KILLS", KILLS);
    let people = if kills > KILLS { PEOPLE_FOR_EVER } else { PEOPLE };
    let people = cluster.people("user", people).await;
    let load = Load::start(&cluster, &key, people.clone(), CALLS_A_SECOND);
    for _ in 0..kills {
        load.usual(CALLS_BETWEEN_KILLS).await;
        let master = cluster.wait_for_master().await;
        cluster.node(master).kill9();
        cluster.wait_for_master().await;
        cluster.node(master).start().await;
    }
    cluster.wait_for_master().await;
    let calls = load.stop().await;

    let longest = calls.summary(&format!("{kills} masters killed"));
    calls.assert_all_allowed();
    let islands = calls.allowed().filter(|call| call.result.as_ref().is_ok_and(|it| it.island));
    assert_eq!(islands.count(), 0, "a majority was there all the time");
    assert_retried_elsewhere(&calls);
    assert_no_failures(&cluster, &people).await;
    let counted = calls.counted().count();
    assert!(counted * 10 > calls.0.len() * 9, "most calls count");
    assert!(longest <= LONGEST_WAIT_MAX, "somebody waited {longest:?}");
}

/// Whoever asked a node that died asks another one under the same id, and is let in: whether the dead
/// node had come to a decision makes no difference.
fn assert_retried_elsewhere(calls: &Calls) {
    let retried: Vec<_> = calls.0.iter().filter_map(|call| call.retried.as_ref()).collect();
    println!("{} calls to a node that died were sent again to another", retried.len());
    for verdict in retried {
        assert!(verdict.as_ref().is_ok_and(Verdict::is_allow), "{verdict:?}");
    }
}
