//! Nodes that no quorum is in reach of.

use std::time::Duration;

use crate::{Cluster, Node, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

impl Node {
    /// Waits until the node decides verifications without a quorum.
    ///
    /// # Panics
    ///
    /// When it does not within a minute.
    pub async fn island(&self) {
        wait_until(&format!("{} is an island", self.name()), PATIENCE, async || {
            let answer = self.get("/readyz").await;
            answer.is_some_and(|(code, text)| code == 200 && text.contains("without a quorum"))
        })
        .await;
    }

    /// Waits until the node has a quorum, and the log knows all that it decided without.
    ///
    /// # Panics
    ///
    /// When that is not so within a minute.
    pub async fn merged(&self) {
        let what = format!("what {} decided by itself is merged", self.name());
        wait_until(&what, PATIENCE, async || {
            let quorum = self.get("/readyz?for=quorum").await;
            quorum.is_some_and(|answer| answer.0 == 200)
                && self.metrics().await.sum("symbolon_island_records", &[]) < 0.5
        })
        .await;
    }
}

impl Cluster {
    /// Cuts every node off from every other, and waits until each is an island.
    ///
    /// # Panics
    ///
    /// When one is not within a minute, or there are no links.
    pub async fn cut_all(&self) {
        for one in self.numbers() {
            (one + 1..=self.nodes().len()).for_each(|other| self.cut(one, other));
        }
        self.all_islands().await;
    }

    /// Waits until each node is an island.
    ///
    /// # Panics
    ///
    /// When one is not within a minute.
    pub async fn all_islands(&self) {
        for node in self.nodes() {
            node.island().await;
        }
    }

    /// Waits until the log knows all that nodes decided by themselves, and all hold the same.
    ///
    /// # Panics
    ///
    /// When that is not so in time.
    pub async fn all_merged(&self) {
        for node in self.nodes() {
            node.merged().await;
        }
        self.assert_same_state().await;
    }
}
