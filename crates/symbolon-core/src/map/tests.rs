use alloc::collections::BTreeMap;
use core::ops::Bound::{Excluded, Included, Unbounded};

use proptest::prelude::*;

use super::*;

/// Every node holds what its bounds say, none is too full, and only the root may be empty.
fn sound(map: &Map<u16, u32>) {
    fn below(node: &Node<u16, u32>, from: Option<u16>, to: Option<u16>, depth: usize) -> usize {
        let within = |key: u16| from.is_none_or(|from| from <= key) && to.is_none_or(|to| key < to);
        match node {
            Node::Leaf(pairs) => {
                assert!(pairs.len() <= LEAF_MAX && (depth == 0 || !pairs.is_empty()));
                assert!(pairs.is_sorted_by(|(one, _), (next, _)| one < next));
                assert!(pairs.iter().all(|(key, _)| within(*key)));
                0
            }
            Node::Inner(inner) => {
                assert!(inner.children.len() <= INNER_MAX);
                assert_eq!(inner.bounds.len() + 1, inner.children.len());
                assert!(inner.bounds.is_sorted_by(|one, next| one < next));
                assert!(inner.bounds.iter().all(|bound| within(*bound)));
                let heights: Vec<_> = (0..inner.children.len())
                    .map(|at| {
                        let from = at.checked_sub(1).map(|left| inner.bounds[left]).or(from);
                        let to = inner.bounds.get(at).copied().or(to);
                        below(&inner.children[at], from, to, depth + 1)
                    })
                    .collect();
                assert!(heights.windows(2).all(|two| two[0] == two[1]));
                heights[0] + 1
            }
        }
    }
    below(&map.root, None, None, 0);
}

fn pairs<'m>(pairs: impl Iterator<Item = (&'m u16, &'m u32)>) -> Vec<(u16, u32)> {
    pairs.map(|(key, value)| (*key, *value)).collect()
}

fn same(map: &Map<u16, u32>, plain: &BTreeMap<u16, u32>) {
    sound(map);
    assert_eq!(map.size(), plain.len());
    assert_eq!(pairs(map.iter()), pairs(plain.iter()));
    assert_eq!(map.first(), plain.first_key_value());
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, u32),
    Remove(u16),
    /// A run of keys in order.
    Run(u16, u16),
    /// The lowest so many.
    Oldest(usize),
    Keep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..3_000_u16;
    let step = prop_oneof![
        8 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => key.clone().prop_map(Step::Remove),
        2 => (key, 1..600_u16).prop_map(|(from, count)| Step::Run(from, count)),
        1 => (1..800_usize).prop_map(Step::Oldest),
        1 => Just(Step::Keep),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_is_what_a_plain_map_is_and_clones_stay_as_they_were(steps in steps()) {
        let (mut map, mut plain) = (Map::default(), BTreeMap::new());
        let mut kept = Vec::new();
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(map.insert_mut(key, value), plain.insert(key, value));
                }
                Step::Remove(key) => {
                    prop_assert_eq!(map.remove_mut(&key), plain.remove(&key).is_some());
                }
                Step::Run(from, count) => {
                    for key in from..from + count {
                        map.insert_mut(key, 1);
                        plain.insert(key, 1);
                    }
                }
                Step::Oldest(count) => {
                    for _ in 0..count {
                        let Some((key, _)) = plain.pop_first() else { break };
                        prop_assert!(map.remove_mut(&key));
                    }
                }
                Step::Keep => kept.push((map.clone(), plain.clone())),
            }
            sound(&map);
        }
        kept.push((map, plain));
        for (map, plain) in &kept {
            same(map, plain);
            for key in (0..3_700).step_by(37) {
                prop_assert_eq!(map.get(&key), plain.get(&key));
            }
        }
    }

    /// They are looked for in another way than small ones.
    #[test]
    fn large_keys_are_kept_as_small_ones_are(
        steps in proptest::collection::vec((0..900_u64, proptest::option::of(any::<u32>())), 0..3_000),
    ) {
        let (mut map, mut plain) = (Map::default(), BTreeMap::new());
        for (key, value) in steps {
            let key = (key % 7, key);
            match value {
                Some(value) => prop_assert_eq!(map.insert_mut(key, value), plain.insert(key, value)),
                None => prop_assert_eq!(map.remove_mut(&key), plain.remove(&key).is_some()),
            }
        }
        prop_assert!(map.iter().eq(plain.iter()));
        for key in (0..900).map(|key| (key % 7, key)) {
            prop_assert_eq!(map.get(&key), plain.get(&key));
        }
    }

    #[test]
    fn a_range_begins_where_it_says(
        keys in proptest::collection::btree_set(0..500_u16, 0..300),
        from in 0..510_u16,
    ) {
        let (mut map, mut plain) = (Map::default(), BTreeMap::new());
        for key in keys {
            map.insert_mut(key, 0);
            plain.insert(key, 0);
        }
        for from in [Included(&from), Excluded(&from), Unbounded] {
            prop_assert_eq!(pairs(map.range(from)), pairs(plain.range((from, Unbounded))));
        }
    }
}

#[test]
fn keys_in_order_leave_full_leaves() {
    let mut map = Map::default();
    for key in 0..10_000_u16 {
        assert_eq!(map.insert_mut(key, 0_u32), None);
    }
    sound(&map);
    fn leaves(node: &Node<u16, u32>) -> usize {
        match node {
            Node::Leaf(_) => 1,
            Node::Inner(inner) => inner.children.iter().map(|child| leaves(child)).sum(),
        }
    }
    assert_eq!(leaves(&map.root), 10_000_usize.div_ceil(LEAF_MAX));
}
