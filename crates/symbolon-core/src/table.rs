//! Rows of one kind, and the sum of their hashes.

use alloc::sync::Arc;

use crate::digest::{Canonical, Digest, Sum};
use crate::map::Map;
use crate::{
    Administrator, AdministratorId, Application, ApplicationId, Challenge, ChallengeId, Cluster,
    DataKeys, JoinToken, JoinTokenId, Journal, JournalId, Node, NodeId, RadiusClient, Settings,
    Token, TokenId, User, UserId,
};

/// A row that lives in a [`Table`].
pub(crate) trait TableRow: Canonical + Clone {
    type Id: Ord + Copy;
    /// Tells rows of different tables apart in the digest.
    const TAG: u8;
    fn id(&self) -> Self::Id;
}

macro_rules! table_row {
    ($row:ty, $id:ty, $tag:literal) => {
        impl TableRow for $row {
            type Id = $id;
            const TAG: u8 = $tag;
            fn id(&self) -> Self::Id {
                self.id
            }
        }
    };
}
table_row!(Cluster, crate::ClusterId, b'C');
table_row!(Administrator, AdministratorId, b'M');
table_row!(Application, ApplicationId, b'P');
table_row!(User, UserId, b'U');
table_row!(Token, TokenId, b'T');
table_row!(Node, NodeId, b'N');
table_row!(JoinToken, JoinTokenId, b'J');
table_row!(Challenge, ChallengeId, b'H');
table_row!(Journal, JournalId, b'L');
table_row!(RadiusClient, ApplicationId, b'R');

impl TableRow for DataKeys {
    type Id = ();
    const TAG: u8 = b'K';
    fn id(&self) -> Self::Id {}
}

impl TableRow for Settings {
    type Id = ();
    const TAG: u8 = b'S';
    fn id(&self) -> Self::Id {}
}

/// Rows of one kind, with the sum of their hashes.
#[derive(Clone)]
pub(crate) struct Table<R: TableRow> {
    rows: Map<R::Id, Arc<R>>,
    sum: Sum,
}

impl<R: TableRow> Default for Table<R> {
    fn default() -> Self {
        Self { rows: Map::default(), sum: Sum::default() }
    }
}

impl<R: TableRow> Table<R> {
    pub(crate) fn get(&self, id: R::Id) -> Option<&R> {
        self.rows.get(&id).map(|row| &**row)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.size()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.values().map(|row| &**row)
    }

    pub(crate) fn after(&self, id: R::Id) -> impl Iterator<Item = &R> {
        use core::ops::Bound::Excluded;
        self.rows.range(Excluded(&id)).map(|(_, row)| &**row)
    }

    pub(crate) fn put(&mut self, row: R) {
        self.sum.add(Self::hash(&row));
        if let Some(old) = self.rows.insert_mut(row.id(), Arc::new(row)) {
            self.sum.subtract(Self::hash(&old));
        }
    }

    pub(crate) fn delete(&mut self, id: R::Id) {
        if let Some(old) = self.rows.get(&id) {
            self.sum.subtract(Self::hash(old));
        }
        self.rows.remove_mut(&id);
    }

    fn hash(row: &R) -> Digest {
        Digest::of(R::TAG, |w| row.canonical(w))
    }

    /// The sum, computed anew from all rows.
    pub(crate) fn recount(&self) -> Sum {
        let mut sum = Sum::default();
        self.iter().for_each(|row| sum.add(Self::hash(row)));
        sum
    }

    pub(crate) const fn sum(&self) -> Sum {
        self.sum
    }
}
