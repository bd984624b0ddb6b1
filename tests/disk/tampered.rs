//! Somebody changes a row on the disk of a node that is stopped.

use prost::Message as _;
use symbolon_core::{LogIndex, RestoreError, Row, State};
use symbolon_proto::store::v1::Scalars;
use symbolon_proto::{audit_decode, row_decode, row_encode, row_key_encode, scalars_from_proto};
use symbolon_store::{DataDir, ImageBatch};
use symbolon_testkit::{Cluster, Code, Node, wait_for, wait_until};

use crate::support::{SOON, binary};

/// Exit code of a node that refuses its data: EX_CONFIG.
const REFUSED: i32 = 78;

/// Lets a user whose code was used have it again, as who steals a sign-in would like.
fn forget_a_mark(row: Row) -> Row {
    match row {
        Row::Token(mut token) => {
            token.mark = 0;
            Row::Token(token)
        }
        row => row,
    }
}

/// Changes every token on the disk of a node. A careful hand makes the digest fit.
fn tamper(node: &Node, careful: bool) {
    let store = DataDir::new(node.data_dir()).open().unwrap();
    let image = &store.image;
    let mut scalars = Scalars::decode(&image.scalars().unwrap().unwrap()[..]).unwrap();
    let rows = image.rows().map(|pair| row_decode(&pair.unwrap().1).unwrap());
    let rows: Vec<_> = rows.map(forget_a_mark).collect();
    if careful {
        let events = image.audit(..).flat_map(|pair| {
            let (index, bytes) = pair.unwrap();
            audit_decode(LogIndex(index), &bytes).unwrap()
        });
        let stored = scalars_from_proto(&scalars).unwrap();
        match State::restore(rows.clone(), stored, events) {
            Err(RestoreError::Digest { found, .. }) => scalars.digest = found.0.to_vec(),
            other => panic!("nothing was changed: {other:?}"),
        }
    }
    let rows = rows.iter().map(|row| (row_key_encode(row.key()), Some(row_encode(row)))).collect();
    let changes = ImageBatch { rows, scalars: scalars.encode_to_vec(), ..ImageBatch::default() };
    image.write(changes).unwrap();
    store.kv.sync_blocking().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_on_disk_is_refused_at_start() {
    let cluster = Cluster::start(binary(), 1).await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let client = cluster.anonymous(1).with_bearer(&key);
    assert!(client.verdict(person.request()).await.unwrap().is_allow());
    let node = cluster.node(1);
    node.terminate().await;
    tamper(node, false);
    node.spawn();
    let status = node.ended().await;
    assert_eq!(status.code(), Some(REFUSED), "{status}: {}", node.log_end());
    let said = node.log_end();
    for words in ["damaged", "digest", "join again"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_with_care_is_found_by_the_other_nodes() {
    let cluster = Cluster::start(binary(), 3).await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let asked = person.request();
    let at = |number: usize| cluster.anonymous(number).with_bearer(&key);
    assert!(at(1).verdict(asked.clone()).await.unwrap().is_allow());
    // Every node knows of it before one of them stops.
    cluster.assert_same_state().await;

    let master = cluster.wait_for_master().await;
    let number = cluster.other_than(master);
    let node = cluster.node(number);
    node.terminate().await;
    tamper(node, true);
    node.spawn();
    node.alive().await;
    let reason = wait_for("the node says why it is not ready", SOON, async || {
        let (status, body) = node.get("/readyz").await?;
        (status == 503 && body.contains("differs")).then_some(body)
    });
    println!("/readyz: {}", reason.await);

    // It answers nothing, and the others go on and know why.
    let refused = at(number).verdict(person.request()).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.message().contains("differs"), "{refused:?}");
    let refused = cluster.admin(number).list_users().await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(node.is_running(), "so that somebody can see why");
    assert!(at(master).verdict(asked).await.unwrap().is_used());
    let other = cluster.person("bob").await;
    assert!(at(master).verdict(other.request()).await.unwrap().is_allow());
    wait_until("the log of the node tells", SOON, async || {
        node.log_text().contains("is not that of the majority")
    })
    .await;

    // Nor after a restart.
    node.kill9();
    node.spawn();
    let status = node.ended().await;
    assert_eq!(status.code(), Some(REFUSED), "{status}: {}", node.log_end());
    assert!(node.log_end().contains("majority"), "{}", node.log_end());
}
