//! `symbolon bench`

use rustix::process::Signal;
use serde_json::{Value, json};
use symbolon_testkit::{Cluster, wait_until};
use tokio::time::timeout;

use crate::machine;
use crate::program::{Asking, DONE, NO, TIME_MAX, TRY_AGAIN, USAGE, binary, keys};

/// Nothing of it is left.
async fn assert_clean(asking: &Asking) {
    assert_eq!(asking.json("user list").await["users"], Value::Array(Vec::new()));
    assert_eq!(asking.json("application list").await["applications"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn every_node_is_loaded_with_codes_that_were_never_shown_and_nothing_is_left_of_it() {
    let cluster = Cluster::start(binary(), 3).await;
    let asking = Asking::administrator(&cluster);
    let told = asking.json("bench --users 400 --seconds 1 --concurrency 1,8").await;
    assert_eq!(keys(&told), ["check", "levels", "name", "servers", "users"]);
    let levels = told["levels"].as_array().unwrap();
    assert_eq!((levels.len(), &told["servers"]), (2, &Value::from(3)));
    for level in levels {
        assert!(level["answered"].as_u64().unwrap() > 0, "{level}");
        assert_eq!((&level["unexpected"], &level["failed"]), (&Value::from(0), &Value::from(0)));
        let time = |key: &str| level[key].as_f64().unwrap();
        assert!(time("p50_ms") <= time("p99_ms") && time("p99_ms") <= time("longest_ms"));
    }
    let check = &told["check"];
    let answered = levels.iter().map(|level| level["answered"].as_u64().unwrap()).sum::<u64>();
    let counted = [&check["allowed"], &check["audited"], &check["marks"]];
    assert_eq!(counted, [answered, answered, 400]);
    assert!(check["replayed"].as_u64().unwrap() > 0, "{check}");
    assert_eq!((&check["replays_allowed"], &check["marks_wrong"]), (&json!(0), &json!(0)));
    let audit = asking.run("audit query --decision allow --limit 1000").await.ends(DONE);
    for node in cluster.nodes() {
        assert!(audit.contains(node.name()), "{} was not asked", node.name());
    }
    assert_clean(&asking).await;

    let few = asking.run("bench --users 1 --seconds 1 --concurrency 2").await.ends(DONE);
    assert!(few.contains("Give more --users"), "{few}");
    let wrong = asking.json("bench --users 40 --seconds 1 --rate 20 --concurrency 2 --wrong").await;
    assert!(wrong["levels"][0]["answered"].as_u64().unwrap() > 0, "{wrong}");
    assert_clean(&asking).await;
}

#[tokio::test]
async fn another_program_says_what_is_measured_and_everything_is_kept() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    let orders = "codes\nlevel concurrency=4 seconds=0.3\nreplay\n\
                  level concurrency=4 connections=1 seconds=0.3 rate=20\n\
                  level concurrency=2 seconds=0.2 wrong\ncodes\n";
    let command = "bench --users 300 --interactive --keep --output json";
    let told = asking.run_reading(command, orders).await.ends(DONE);
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [ready, codes, fast, replayed, paced, wrong, left, last] = &told[..] else {
        panic!("{told:?}");
    };
    let name = ready["name"].as_str().unwrap();
    assert_eq!(codes["codes"], 600);
    assert!(left["codes"].as_u64().unwrap() < 900, "{left}");
    assert!(replayed["replayed"].as_u64().unwrap() > 0, "{replayed}");
    assert_eq!(replayed["replays_allowed"], 0);
    assert_eq!((&paced["rate"], &paced["connections"]), (&json!(20), &json!(1)));
    assert_eq!((&fast["wrong_codes"], &wrong["wrong_codes"]), (&json!(false), &json!(true)));
    assert_eq!(last["levels"].as_array().unwrap().len(), 3);
    assert_eq!(last["check"]["allowed"], last["check"]["audited"]);

    let users = asking.run("user list").await.ends(DONE);
    assert!(users.contains(&format!("{name}-0000000")), "{users}");
    let applications = asking.json("application list").await;
    assert_eq!(applications["applications"][0]["name"], name);
    asking.run_reading(command, "level fast\n").await.ends(USAGE);
    asking.run("bench --interactive --wrong").await.ends(USAGE);
}

#[tokio::test]
async fn one_that_is_ended_early_cleans_up_and_nothing_else_can_be_removed() {
    let cluster = Cluster::start(binary(), 1).await;
    let asking = Asking::administrator(&cluster);
    let command = "bench --users 2000 --seconds 600 --concurrency 2";
    let child = asking.start(command);
    wait_until("it verifies", TIME_MAX, async || {
        let audit = asking.run("audit query --decision allow --limit 1").await.ends(DONE);
        audit.contains("bench-")
    })
    .await;
    machine::signal(child.id().unwrap(), Signal::INT);
    let ended = timeout(TIME_MAX, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(TRY_AGAIN));
    assert_clean(&asking).await;

    asking.run("user add alice").await.ends(DONE);
    asking.run("bench --remove alice").await.fails(USAGE);
    asking.run("bench --remove bench-00000000").await.ends(DONE);
    asking.run("user show alice").await.ends(DONE);
    asking.run("bench --users 0").await.ends(USAGE);
    let nobody = asking.at("https://127.0.0.1:1").run("bench --users 1").await;
    assert_ne!(nobody.code(), NO);
}
