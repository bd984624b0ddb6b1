//! An ordered map whose clones cost a pointer.
//!
//! A B+ tree in which nodes are shared: a change copies the nodes on one path from the root, and only
//! those that another clone of the map still has. Nodes are wide, so that a path is short and what is
//! looked at lies together in memory; with a million rows, following pointers is what a look-up costs.
//!
//! A node is taken away when it is empty and never joined with another: maps here grow, or lose their
//! oldest keys, or keys at random as they gain others.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

/// Pairs in a leaf. A copied leaf counts one reference more on each of its values.
const LEAF_MAX: usize = 16;
/// Children of an inner node.
const INNER_MAX: usize = 32;

/// Keys of up to so many bytes are looked through one after the other: numbers.
const SMALL_KEY_BYTES: usize = 8;

/// See the module. Equal sequences of changes give maps that iterate alike.
pub(crate) struct Map<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Inner(Inner<K, V>),
}

struct Inner<K, V> {
    /// `bounds[i]` is not above any key of `children[i + 1]`, and above all of `children[i]`.
    bounds: Vec<K>,
    children: Vec<Arc<Node<K, V>>>,
}

/// What came off on the right: a lower bound of its keys, and it.
type Split<K, V> = Option<(K, Arc<Node<K, V>>)>;

impl<K, V> Map<K, V> {
    /// How many pairs.
    pub(crate) const fn size(&self) -> usize {
        self.len
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Leaf(pairs) => {
                    let at = place_of::<K, _>(pairs, |(there, _)| there < key);
                    let (there, value) = pairs.get(at)?;
                    return (there == key).then_some(value);
                }
                Node::Inner(inner) => node = inner.children.get(inner.place(key))?,
            }
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The pair with the lowest key.
    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// Sets the value of a key. Returns the one that it had.
    pub(crate) fn insert_mut(&mut self, key: K, value: V) -> Option<V> {
        let (old, split) = insert(&mut self.root, key, value, true);
        self.len += usize::from(old.is_none());
        if let Some((bound, right)) = split {
            let left = core::mem::replace(&mut self.root, empty());
            let inner = Inner { bounds: Vec::from([bound]), children: Vec::from([left, right]) };
            self.root = Arc::new(Node::Inner(inner));
        }
        old
    }

    /// Removes a key. Returns whether it was there.
    pub(crate) fn remove_mut(&mut self, key: &K) -> bool {
        // Nothing is copied for a key that is not there.
        if !self.contains_key(key) {
            return false;
        }
        remove(&mut self.root, key);
        self.len -= 1;
        // A root with one child is one step too many.
        loop {
            let Node::Inner(inner) = &*self.root else { return true };
            match &inner.children[..] {
                [] => self.root = empty(),
                [only] => self.root = Arc::clone(only),
                _ => return true,
            }
        }
    }

    /// All pairs in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.range(Bound::Unbounded)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The pairs from a key on, in the order of their keys.
    pub(crate) fn range<'m>(
        &'m self,
        from: Bound<&K>,
    ) -> impl Iterator<Item = (&'m K, &'m V)> + use<'m, K, V> {
        let is_before = |key: &K| match from {
            Bound::Included(from) => key < from,
            Bound::Excluded(from) => key <= from,
            Bound::Unbounded => false,
        };
        let mut walk = Walk { path: Vec::new(), leaf: [].iter() };
        let mut node = &*self.root;
        loop {
            match node {
                Node::Inner(inner) => {
                    // All keys of a child whose next has a bound before the range are before it too.
                    let at = inner.bounds.partition_point(is_before);
                    walk.path.push(inner.children.get(at + 1..).unwrap_or_default().iter());
                    let Some(child) = inner.children.get(at) else { break };
                    node = child;
                }
                Node::Leaf(pairs) => {
                    let at = pairs.partition_point(|(key, _)| is_before(key));
                    walk.leaf = pairs.get(at..).unwrap_or_default().iter();
                    break;
                }
            }
        }
        walk
    }
}

/// Where an iteration is.
struct Walk<'m, K, V> {
    /// What is left on each level, the root's first.
    path: Vec<core::slice::Iter<'m, Arc<Node<K, V>>>>,
    leaf: core::slice::Iter<'m, (K, V)>,
}

impl<'m, K, V> Iterator for Walk<'m, K, V> {
    type Item = (&'m K, &'m V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            match self.path.last_mut()?.next() {
                None => {
                    self.path.pop();
                }
                Some(node) => match &**node {
                    Node::Leaf(pairs) => self.leaf = pairs.iter(),
                    Node::Inner(inner) => self.path.push(inner.children.iter()),
                },
            }
        }
    }
}

impl<K: Ord, V> Inner<K, V> {
    /// The child that a key belongs to.
    fn place(&self, key: &K) -> usize {
        place_of::<K, _>(&self.bounds, |bound| bound <= key)
    }
}

/// How many items come before a key of type `K`; those that do stand first. Where keys are small all are
/// looked at: to fetch them from memory at once takes less long than one after the other, each by what the
/// one before has said.
fn place_of<K, T>(items: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    if size_of::<K>() <= SMALL_KEY_BYTES {
        items.iter().filter(|item| is_before(item)).count()
    } else {
        items.partition_point(is_before)
    }
}

fn empty<K, V>() -> Arc<Node<K, V>> {
    Arc::new(Node::Leaf(Vec::new()))
}

/// Sets the value of a key below a node; `is_last` when no key of the map is in a node to the right.
/// Returns the value that it had.
fn insert<K: Ord + Clone, V: Clone>(
    node: &mut Arc<Node<K, V>>,
    key: K,
    value: V,
    is_last: bool,
) -> (Option<V>, Split<K, V>) {
    match Arc::make_mut(node) {
        Node::Leaf(pairs) => {
            let at = place_of::<K, _>(pairs, |(there, _)| *there < key);
            if let Some(pair) = pairs.get_mut(at).filter(|(there, _)| *there == key) {
                return (Some(core::mem::replace(&mut pair.1, value)), None);
            }
            if pairs.len() < LEAF_MAX {
                pairs.insert(at, (key, value));
                return (None, None);
            }
            // Keys that come in order leave full leaves behind.
            let middle = if is_last && at == LEAF_MAX { LEAF_MAX } else { LEAF_MAX / 2 };
            let mut right = pairs.split_off(middle);
            match at.checked_sub(middle) {
                Some(at) => right.insert(at, (key, value)),
                None => pairs.insert(at, (key, value)),
            }
            let bound = right.first().map(|(key, _)| key.clone());
            (None, bound.map(|bound| (bound, Arc::new(Node::Leaf(right)))))
        }
        Node::Inner(inner) => {
            let at = inner.place(&key);
            let is_last = is_last && at == inner.bounds.len();
            let Some(child) = inner.children.get_mut(at) else { return (None, None) };
            let (old, split) = insert(child, key, value, is_last);
            let Some((bound, right)) = split else { return (old, None) };
            inner.bounds.insert(at, bound);
            inner.children.insert(at + 1, right);
            if inner.children.len() <= INNER_MAX {
                return (old, None);
            }
            let middle = if is_last { INNER_MAX } else { INNER_MAX / 2 };
            let children = inner.children.split_off(middle);
            let bounds = inner.bounds.split_off(middle);
            // Between the halves: it bounds the right one from below.
            let between = inner.bounds.pop();
            let right = Node::Inner(Inner { bounds, children });
            (old, between.map(|bound| (bound, Arc::new(right))))
        }
    }
}

/// Removes a key that is there below a node. Returns whether the node is empty.
fn remove<K: Ord + Clone, V: Clone>(node: &mut Arc<Node<K, V>>, key: &K) -> bool {
    match Arc::make_mut(node) {
        Node::Leaf(pairs) => {
            let at = place_of::<K, _>(pairs, |(there, _)| there < key);
            if pairs.get(at).is_some_and(|(there, _)| there == key) {
                pairs.remove(at);
            }
            pairs.is_empty()
        }
        Node::Inner(inner) => {
            let at = inner.place(key);
            if inner.children.get_mut(at).is_some_and(|child| remove(child, key)) {
                inner.children.remove(at);
                // The bound on its left, or of the first child the one on its right.
                if !inner.bounds.is_empty() {
                    inner.bounds.remove(at.saturating_sub(1));
                }
            }
            inner.children.is_empty()
        }
    }
}

impl<K: Clone, V: Clone> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        match self {
            // A copy is made to be changed: there is room for one more.
            Self::Leaf(pairs) => Self::Leaf(roomy(pairs)),
            Self::Inner(inner) => Self::Inner(Inner {
                bounds: roomy(&inner.bounds),
                children: roomy(&inner.children),
            }),
        }
    }
}

fn roomy<T: Clone>(items: &[T]) -> Vec<T> {
    let mut copy = Vec::with_capacity(items.len() + 1);
    copy.extend_from_slice(items);
    copy
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root), len: self.len }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { root: empty(), len: 0 }
    }
}

impl<K, V> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} pairs)", self.len)
    }
}

#[cfg(test)]
mod tests;
