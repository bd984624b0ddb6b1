//! What people wait while a cluster of three has other work: users are imported, a new node is given a
//! snapshot.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use symbolon_testkit::Cluster;
use tokio::process::Child;

use crate::plan::Plan;
use crate::results::{Busy, Meanwhile};
use crate::runs::{self, target};
use crate::session::{Order, Session, Target, Told};

/// A snapshot is there when the new node comes, and does not go back to the beginning of the log.
const STORAGE: &str = "snapshot_entries = 5000";
const RATE: u32 = 300;
/// Levels without other work.
const QUIET_LEVELS: usize = 2;

pub(crate) async fn run(plan: &Plan, home: &Path) -> Busy {
    let mut cluster = runs::start(3, STORAGE).await;
    let all = target(&cluster);
    let mut session = Session::begin(&all, plan.busy_users).await;
    let quiet = meanwhile(plan, &mut session, async |looks| looks >= QUIET_LEVELS).await;
    println!("  with no other work: {quiet:?}");

    let file = home.join("users.csv");
    std::fs::write(&file, csv(plan.imported)).unwrap();
    let begin = Instant::now();
    let mut import = start_import(&all, &file);
    let importing =
        meanwhile(plan, &mut session, async |_| import.try_wait().unwrap().is_some()).await;
    let import_seconds = begin.elapsed().as_secs_f64();
    assert!(import.wait().await.unwrap().success(), "the import has failed");
    println!("  while {} users are imported: {importing:?}", plan.imported);

    let begin = Instant::now();
    let mut sent_seconds = 0.0;
    let joining = {
        let join = join(&mut cluster);
        tokio::pin!(join);
        let mut is_done = false;
        let mut worst = Meanwhile::default();
        while !is_done {
            let level = level(plan, &mut session);
            tokio::pin!(level);
            let told = loop {
                tokio::select! {
                    told = &mut level => break told,
                    () = &mut join, if !is_done => {
                        is_done = true;
                        sent_seconds = begin.elapsed().as_secs_f64();
                    }
                }
            };
            worst.add(&told);
        }
        worst
    };
    println!("  while a new node joins: {joining:?}");
    session.end().await;
    cluster.assert_same_state().await;
    Busy {
        users: plan.busy_users,
        rate: RATE,
        quiet,
        imported: plan.imported,
        import_seconds,
        importing,
        sent_seconds,
        joining,
    }
}

async fn level(plan: &Plan, session: &mut Session) -> Told {
    let order = Order {
        concurrency: 256,
        connections: 2,
        seconds: plan.seconds,
        rate: Some(RATE),
        wrong: false,
    };
    session.have_codes(order, u64::MAX).await;
    let told = session.level(order).await;
    session.replay().await;
    told
}

/// Levels one after the other, until it is over.
async fn meanwhile(
    plan: &Plan,
    session: &mut Session,
    mut is_over: impl AsyncFnMut(usize) -> bool,
) -> Meanwhile {
    let mut worst = Meanwhile::default();
    let mut levels = 0;
    while !is_over(levels).await || levels == 0 {
        worst.add(&level(plan, session).await);
        levels += 1;
    }
    worst
}

/// By a new node, which is given a snapshot.
async fn join(cluster: &mut Cluster) {
    cluster.add_node().await;
}

fn start_import(target: &Target, file: &Path) -> Child {
    let mut command = target.command(&["user", "import"]);
    command.arg(file).stdout(std::process::Stdio::null()).spawn().unwrap()
}

fn csv(users: u32) -> String {
    let mut text = "username,display_name,email\n".to_owned();
    for number in 0..users {
        writeln!(text, "imported-{number},Somebody {number},imported-{number}@example.org")
            .unwrap();
    }
    text
}
