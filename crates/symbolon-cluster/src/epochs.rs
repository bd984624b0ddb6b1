//! The epochs of a cluster, and what proves one.
//!
//! A seize starts an epoch: a number above the one before, and a lineage drawn at random. Who was there
//! before tells a newer epoch of its own by the ancestry: an epoch whose ancestry does not hold this
//! node's is not the next but another one, apart from it. Of two that are apart one discards the other;
//! should both do so, the one with the higher word goes on. An epoch counts only with the statement of
//! the node that started it, signed with the key by which the cluster knows that node.

use prost::Message as _;
use rustls::SignatureScheme;
use rustls::crypto::ring;
use sha2::{Digest as _, Sha256};
use symbolon_core::limits::{DISCARD_WORD_MAX, OTHER_EPOCHS_MAX};
use symbolon_core::{AdministratorId, ClusterId, KeyPin, LineageId, NodeId, OtherEpoch, Timestamp};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo};

use crate::error::ClusterError;
use crate::keys::PrivateKey;
use crate::peer_header::Standing;

/// Epochs that may have led to one.
const ANCESTRY_MAX: usize = 1_000;
const STATEMENT_BYTES_MAX: usize = 64 << 10;

/// One epoch of one lineage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct EpochName {
    pub(crate) epoch: u64,
    pub(crate) lineage: LineageId,
}

/// An epoch that another came of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ancestor {
    pub(crate) name: EpochName,
    /// Its last log entry that the epoch after it holds.
    pub(crate) fork_index: u64,
    /// The term of that entry; 0: unknown.
    pub(crate) fork_term: u64,
}

/// Where two epochs part. The same index may be that of different entries: those of a later term are on
/// one side only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fork {
    /// No later entry is common.
    pub(crate) index: u64,
    /// No entry of a later term is.
    pub(crate) term: u64,
}

/// What a node says that started an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Statement {
    pub(crate) cluster: ClusterId,
    pub(crate) name: EpochName,
    /// What led to it, oldest first; at least one.
    pub(crate) ancestry: Vec<Ancestor>,
    pub(crate) node: NodeId,
    pub(crate) made_at: Timestamp,
    /// The administrator who wanted it; `None`: root on the node's machine.
    pub(crate) administrator: Option<AdministratorId>,
    /// What comes to its end by it. If there is any, this is what a node of the epoch says of it.
    pub(crate) discarded: Vec<Discarded>,
}

/// An epoch apart that another one discards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Discarded {
    pub(crate) name: EpochName,
    pub(crate) word: u32,
}

/// Why a claim to be in an epoch is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unproved {
    #[error("it brings no statement that started the epoch")]
    Missing,
    #[error("its statement cannot be understood")]
    Content,
    #[error("its statement is of another cluster or another epoch")]
    Other,
    #[error("its statement is signed with a key that is not registered")]
    Stranger,
    #[error("the signature of its statement is wrong")]
    Signature,
}

/// How another epoch stands to this node's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    /// It is the same.
    Same,
    /// This node's came of it.
    Older,
    /// It came of this node's.
    Newer,
    /// It is apart and discards this node's, and has the last word.
    Discarding,
    /// Neither. The word by which it discards this node's; 0: it does not.
    Apart(u32),
}

impl Statement {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ancestor = |ancestor: &Ancestor| store::Ancestor {
            epoch: ancestor.name.epoch,
            lineage: ancestor.name.lineage.0.to_vec(),
            fork_index: ancestor.fork_index,
            fork_term: ancestor.fork_term,
        };
        let discarded = |it: &Discarded| store::DiscardedEpoch {
            epoch: it.name.epoch,
            lineage: it.name.lineage.0.to_vec(),
            word: it.word,
        };
        store::EpochStatement {
            cluster: self.cluster.0.to_vec(),
            epoch: self.name.epoch,
            lineage: self.name.lineage.0.to_vec(),
            ancestry: self.ancestry.iter().map(ancestor).collect(),
            node: self.node.0,
            made_at: self.made_at.0,
            administrator: self.administrator.map_or(0, |id| id.0),
            discarded: self.discarded.iter().map(discarded).collect(),
        }
        .encode_to_vec()
    }

    /// Reads a statement, whoever made it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unproved> {
        Self::read(bytes).ok_or(Unproved::Content)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = Some(bytes).filter(|bytes| bytes.len() <= STATEMENT_BYTES_MAX)?;
        let message = store::EpochStatement::decode(bytes).ok()?;
        let name = |epoch, lineage: &[u8]| {
            Some(EpochName { epoch, lineage: LineageId::from_slice(lineage)? })
        };
        let ancestry = message.ancestry.iter().map(|it| {
            let name = name(it.epoch, &it.lineage)?;
            Some(Ancestor { name, fork_index: it.fork_index, fork_term: it.fork_term })
        });
        let ancestry = ancestry.collect::<Option<Vec<_>>>()?;
        let discarded = message.discarded.iter().map(|it| {
            let word = Some(it.word).filter(|word| (1..=DISCARD_WORD_MAX).contains(word))?;
            Some(Discarded { name: name(it.epoch, &it.lineage)?, word })
        });
        let discarded = discarded.collect::<Option<Vec<_>>>()?;
        let statement = Self {
            cluster: ClusterId::from_slice(&message.cluster)?,
            name: name(message.epoch, &message.lineage)?,
            ancestry,
            node: NodeId(message.node),
            made_at: Timestamp(message.made_at),
            administrator: Some(AdministratorId(message.administrator)).filter(|id| id.0 != 0),
            discarded,
        };
        let own = [statement.name];
        let before = statement.ancestry.iter().map(|ancestor| &ancestor.name);
        let numbers = before.chain(&own).map(|name| name.epoch);
        let rises = numbers.is_sorted_by(|before, after| before < after);
        // The first epoch came of none, and is stated when it discards another.
        let least = usize::from(statement.discarded.is_empty());
        let bounded = (least..=ANCESTRY_MAX).contains(&statement.ancestry.len())
            && statement.discarded.len() <= OTHER_EPOCHS_MAX;
        (rises && bounded).then_some(statement)
    }

    /// The last log entry of an epoch that this one, or one before it, holds; `None` when it did not come
    /// of that one.
    pub(crate) fn fork_of(&self, name: EpochName) -> Option<u64> {
        let found = self.ancestry.iter().find(|ancestor| ancestor.name == name);
        found.map(|ancestor| ancestor.fork_index)
    }

    /// Whether it is of this epoch or came of it.
    fn is_of(&self, name: EpochName) -> bool {
        self.name == name || self.fork_of(name).is_some()
    }

    /// What a node of that standing has in common with this epoch; `None` when nothing is.
    pub(crate) fn common_with(&self, standing: &Standing) -> Option<Fork> {
        let end = Fork { index: u64::MAX, term: u64::MAX };
        let fork = |it: &Ancestor| {
            let term = if it.fork_term == 0 { u64::MAX } else { it.fork_term };
            (it.name, Fork { index: it.fork_index, term })
        };
        let own = standing.ancestry.iter().map(fork).chain([(standing.name(), end)]);
        let theirs = self.ancestry.iter().map(fork).chain([(self.name, end)]);
        let common = own.zip(theirs).take_while(|((one, _), (other, _))| one == other);
        let (index, term) = common
            .last()
            .map(|((_, one), (_, other))| (one.index.min(other.index), one.term.min(other.term)))?;
        Some(Fork { index, term })
    }

    /// The last log entry that the node held when it made this.
    pub(crate) fn fork_index(&self) -> u64 {
        self.ancestry.last().map_or(0, |ancestor| ancestor.fork_index)
    }

    /// Signs it with the key of the node that makes it.
    pub(crate) fn sign(&self, key: &PrivateKey) -> Result<store::SignedStatement, ClusterError> {
        let statement = self.encode();
        let signature = key.sign(&statement)?;
        Ok(store::SignedStatement { statement, public_key: key.public_key()?, signature })
    }
}

/// Takes a signed statement for what it says, if the holder of a registered key has made it.
pub(crate) fn proved(
    signed: &store::SignedStatement,
    is_registered: impl Fn(KeyPin) -> bool,
) -> Result<Statement, Unproved> {
    let statement = Statement::decode(&signed.statement)?;
    if !is_registered(signer(signed)) {
        return Err(Unproved::Stranger);
    }
    if is_signed(signed) { Ok(statement) } else { Err(Unproved::Signature) }
}

/// The key by which the node is known that says to have made a statement.
pub(crate) fn signer(signed: &store::SignedStatement) -> KeyPin {
    KeyPin(Sha256::digest(&signed.public_key).into())
}

fn is_signed(signed: &store::SignedStatement) -> bool {
    let Ok((_, info)) = SubjectPublicKeyInfo::from_der(&signed.public_key) else {
        return false;
    };
    let key = &info.subject_public_key.data;
    let algorithms = ring::default_provider().signature_verification_algorithms;
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == SCHEME);
    known.is_some_and(|(_, all)| {
        let verify = |algorithm: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            algorithm.verify_signature(key, &signed.statement, &signed.signature).is_ok()
        };
        all.iter().any(verify)
    })
}

/// How statements are signed.
pub(crate) const SCHEME: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;

impl Standing {
    /// What this node says to be in, and what its epoch discards of `others`.
    ///
    /// # Errors
    /// [`ClusterError::Certificate`].
    pub(crate) fn claim(
        &self,
        others: &[OtherEpoch],
        (key, now): (&PrivateKey, Timestamp),
    ) -> Result<peer::EpochClaim, ClusterError> {
        let named = |it: &OtherEpoch| EpochName { epoch: it.epoch, lineage: it.lineage };
        let discarded = others.iter().filter(|other| other.ours > 0);
        let discarded: Vec<_> =
            discarded.map(|it| Discarded { name: named(it), word: it.ours }).collect();
        let statement = if discarded.is_empty() {
            self.statement.clone()
        } else {
            let statement = Statement {
                cluster: self.cluster,
                name: self.name(),
                ancestry: self.ancestry.clone(),
                node: self.node,
                made_at: now,
                administrator: None,
                discarded,
            };
            Some(statement.sign(key)?)
        };
        let (epoch, lineage) = (self.epoch, self.lineage.0.to_vec());
        Ok(peer::EpochClaim { epoch, lineage, statement })
    }

    /// The epoch that this node is in.
    pub(crate) const fn name(&self) -> EpochName {
        EpochName { epoch: self.epoch, lineage: self.lineage }
    }

    /// Whether this node's epoch is that one or came of it.
    pub(crate) fn is_of(&self, name: EpochName) -> bool {
        self.name() == name || self.ancestry.iter().any(|ancestor| ancestor.name == name)
    }

    /// How a peer's epoch stands to this node's, by what it claims and proves. `others`: what this node's
    /// state knows of epochs apart.
    pub(crate) fn relation(
        &self,
        claim: &peer::EpochClaim,
        others: &[OtherEpoch],
        is_registered: impl Fn(KeyPin) -> bool,
    ) -> Result<Relation, Unproved> {
        let lineage = LineageId::from_slice(&claim.lineage).ok_or(Unproved::Content)?;
        let theirs = EpochName { epoch: claim.epoch, lineage };
        if theirs == self.name() {
            return Ok(Relation::Same);
        }
        // What this node's epoch came of needs no proof: nothing follows from it here.
        let is_older = self.is_of(theirs);
        let Some(signed) = claim.statement.as_ref() else {
            return if is_older { Ok(Relation::Older) } else { Err(Unproved::Missing) };
        };
        let statement = match proved(signed, is_registered) {
            Ok(statement) => statement,
            Err(_) if is_older => return Ok(Relation::Older),
            Err(unproved) => return Err(unproved),
        };
        if statement.cluster != self.cluster || statement.name != theirs {
            return if is_older { Ok(Relation::Older) } else { Err(Unproved::Other) };
        }
        // What both came of is neither's to discard.
        let parts = |name| self.is_of(name) && !statement.ancestry.iter().any(|it| it.name == name);
        let said = statement.discarded.iter().filter(|it| parts(it.name));
        let word = said.map(|it| it.word).max().unwrap_or(0);
        let known = others.iter().filter(|it| {
            let name = EpochName { epoch: it.epoch, lineage: it.lineage };
            statement.is_of(name) && !self.is_of(name)
        });
        let ours = known.clone().map(|it| it.ours).max().unwrap_or(0);
        Ok(if word > ours {
            Relation::Discarding
        } else if is_older {
            Relation::Older
        } else if known.count() == 0 && statement.fork_of(self.name()).is_some() {
            Relation::Newer
        } else {
            Relation::Apart(word)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: EpochName = EpochName { epoch: 1, lineage: LineageId([1; 16]) };
    const TWO: EpochName = EpochName { epoch: 2, lineage: LineageId([2; 16]) };

    fn ancestors(names: &[EpochName]) -> Vec<Ancestor> {
        names.iter().map(|name| Ancestor { name: *name, fork_index: 90, fork_term: 4 }).collect()
    }

    fn standing(name: EpochName, ancestry: &[EpochName]) -> Standing {
        Standing {
            cluster: ClusterId([7; 16]),
            epoch: name.epoch,
            lineage: name.lineage,
            node: NodeId(1),
            ancestry: ancestors(ancestry),
            statement: None,
        }
    }

    fn statement(name: EpochName, ancestry: &[EpochName]) -> Statement {
        Statement {
            cluster: ClusterId([7; 16]),
            name,
            ancestry: ancestors(ancestry),
            node: NodeId(2),
            made_at: Timestamp(5),
            administrator: Some(AdministratorId(3)),
            discarded: Vec::new(),
        }
    }

    fn own(standing: &Standing) -> peer::EpochClaim {
        standing.claim(&[], (&PrivateKey::generate().unwrap(), Timestamp(1))).unwrap()
    }

    fn claim(name: EpochName, ancestry: &[EpochName], key: &PrivateKey) -> peer::EpochClaim {
        peer::EpochClaim {
            epoch: name.epoch,
            lineage: name.lineage.0.to_vec(),
            statement: Some(statement(name, ancestry).sign(key).unwrap()),
        }
    }

    #[test]
    fn an_epoch_is_newer_if_it_came_of_this_one_and_apart_if_not() {
        let key = PrivateKey::generate().unwrap();
        let knows = |pin| pin == key.pin();
        let first = standing(ONE, &[]);
        assert_eq!(first.relation(&own(&first), &[], knows), Ok(Relation::Same));
        let newer = claim(TWO, &[ONE], &key);
        assert_eq!(first.relation(&newer, &[], knows), Ok(Relation::Newer));
        let second = standing(TWO, &[ONE]);
        assert_eq!(second.relation(&own(&first), &[], knows), Ok(Relation::Older));
        // Seized on both sides, also more often on one of them.
        let other = EpochName { epoch: 2, lineage: LineageId([9; 16]) };
        let third = EpochName { epoch: 3, lineage: LineageId([3; 16]) };
        let fourth = EpochName { epoch: 4, lineage: LineageId([4; 16]) };
        for (theirs, ancestry) in [(other, vec![ONE]), (fourth, vec![ONE, other, third])] {
            let apart = claim(theirs, &ancestry, &key);
            assert_eq!(second.relation(&apart, &[], knows), Ok(Relation::Apart(0)));
        }
    }

    #[test]
    fn an_epoch_without_the_word_of_a_registered_node_is_none() {
        let key = PrivateKey::generate().unwrap();
        let knows = |pin| pin == key.pin();
        let first = standing(ONE, &[]);
        let good = claim(TWO, &[ONE], &key);
        let refused = |claim: &peer::EpochClaim| first.relation(claim, &[], knows).unwrap_err();

        let leap = peer::EpochClaim { epoch: 1 << 60, statement: None, ..good.clone() };
        assert_eq!(refused(&leap), Unproved::Missing);
        let borrowed = peer::EpochClaim { epoch: 1 << 60, ..good.clone() };
        assert_eq!(refused(&borrowed), Unproved::Other);
        let stranger = PrivateKey::generate().unwrap();
        assert_eq!(refused(&claim(TWO, &[ONE], &stranger)), Unproved::Stranger);
        let mut forged = good.clone();
        forged.statement.as_mut().unwrap().statement =
            statement(TWO, &[ONE, EpochName { epoch: 1, ..TWO }]).encode();
        assert_eq!(refused(&forged), Unproved::Content);
        let mut forged = good.clone();
        forged.statement.as_mut().unwrap().statement =
            Statement { made_at: Timestamp(6), ..statement(TWO, &[ONE]) }.encode();
        assert_eq!(refused(&forged), Unproved::Signature);
        let elsewhere = Standing { cluster: ClusterId([8; 16]), ..first };
        assert_eq!(elsewhere.relation(&good, &[], knows), Err(Unproved::Other));
    }

    fn other(name: EpochName, ours: u32, theirs: u32) -> OtherEpoch {
        OtherEpoch { epoch: name.epoch, lineage: name.lineage, ours, theirs }
    }

    #[test]
    fn of_two_that_discard_each_other_the_one_goes_on_that_has_the_last_word() {
        let key = PrivateKey::generate().unwrap();
        let knows = |pin| pin == key.pin();
        let three = EpochName { epoch: 3, lineage: LineageId([3; 16]) };
        let (here, there) = (standing(TWO, &[ONE]), standing(three, &[ONE]));
        let heard = |word: u32, ours: u32| {
            let claim = there.claim(&[other(TWO, word, 0)], (&key, Timestamp(1))).unwrap();
            // Not started by a statement of its own, it proves nothing where it discards nothing.
            let claim = if word == 0 { claim_of(&there, &key) } else { claim };
            here.relation(&claim, &[other(three, ours, 0)], knows).unwrap()
        };
        assert_eq!(heard(0, 0), Relation::Apart(0));
        assert_eq!(heard(0, 1), Relation::Apart(0));
        assert_eq!(heard(1, 0), Relation::Discarding);
        assert_eq!(heard(1, 1), Relation::Apart(1));
        assert_eq!(heard(2, 1), Relation::Discarding);
        assert_eq!(heard(1, 2), Relation::Apart(1));
    }

    fn claim_of(standing: &Standing, key: &PrivateKey) -> peer::EpochClaim {
        let names: Vec<_> = standing.ancestry.iter().map(|it| it.name).collect();
        claim(standing.name(), &names, key)
    }

    #[test]
    fn a_copy_comes_to_its_end_by_the_epoch_that_it_came_of() {
        let key = PrivateKey::generate().unwrap();
        let knows = |pin| pin == key.pin();
        let (first, copy) = (standing(ONE, &[]), standing(TWO, &[ONE]));
        let known = [other(TWO, 0, 0)];
        assert_eq!(first.relation(&claim_of(&copy, &key), &known, knows), Ok(Relation::Apart(0)));
        let discards = first.claim(&[other(TWO, 1, 0)], (&key, Timestamp(1))).unwrap();
        assert_eq!(copy.relation(&discards, &[], knows), Ok(Relation::Discarding));
        // Nor does it help to be seized again. What both came of stays.
        let again = standing(EpochName { epoch: 3, ..TWO }, &[ONE, TWO]);
        assert_eq!(again.relation(&discards, &[], knows), Ok(Relation::Discarding));
        let odd = copy.claim(&[other(ONE, 1, 0)], (&key, Timestamp(1))).unwrap();
        assert_eq!(first.relation(&odd, &known, knows), Ok(Relation::Apart(0)));
        let stranger = PrivateKey::generate().unwrap();
        let forged = first.claim(&[other(TWO, 1, 0)], (&stranger, Timestamp(1))).unwrap();
        assert_eq!(copy.relation(&forged, &[], knows), Ok(Relation::Older));
    }

    #[test]
    fn what_two_epochs_have_in_common_ends_at_the_earlier_fork() {
        let fork = |at: u64, names: &[EpochName]| {
            let ancestors = ancestors(names).into_iter();
            ancestors.map(|it| Ancestor { fork_index: at, ..it }).collect::<Vec<_>>()
        };
        let at = |index, term| Some(Fork { index, term });
        let there = Statement { ancestry: fork(70, &[ONE]), ..statement(TWO, &[ONE]) };
        let of = |name, ancestry| Standing { ancestry, ..standing(name, &[]) };
        assert_eq!(there.common_with(&of(ONE, Vec::new())), at(70, 4));
        let three = EpochName { epoch: 2, lineage: LineageId([3; 16]) };
        assert_eq!(there.common_with(&of(three, fork(60, &[ONE]))), at(60, 4));
        assert_eq!(there.common_with(&of(three, fork(80, &[ONE]))), at(70, 4));
        let earlier = |it: Ancestor| Ancestor { fork_term: 3, ..it };
        let earlier: Vec<_> = fork(80, &[ONE]).into_iter().map(earlier).collect();
        assert_eq!(there.common_with(&of(three, earlier)), at(70, 3));
        let unknown = |it: Ancestor| Ancestor { fork_term: 0, ..it };
        let unknown: Vec<_> = fork(80, &[ONE]).into_iter().map(unknown).collect();
        assert_eq!(there.common_with(&of(three, unknown)), at(70, 4));
        let first = Statement { ancestry: Vec::new(), ..statement(ONE, &[]) };
        assert_eq!(first.common_with(&of(TWO, fork(60, &[ONE]))), at(60, 4));
    }
}
