//! Which items are a shard's: as many frames for each as can be, the same on every machine.
use super::args::Shard;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

impl Shard {
    /// For each item, by its weight, whether it is this shard's.
    ///
    /// The heaviest item goes first, to the shard that has least (Graham's LPT: no shard gets more
    /// than 4/3 of the best possible); ties go to the item listed first and to the lowest shard.
    pub fn select(&self, weights: &[u64]) -> Vec<bool> {
        let mut order: Vec<_> = (0..weights.len()).collect();
        order.sort_by_key(|&item| Reverse(weights[item]));
        let mut loads: BinaryHeap<_> = (0..self.count).map(|shard| Reverse((0, shard))).collect();
        let mut mine = vec![false; weights.len()];
        for item in order {
            let Some(Reverse((load, shard))) = loads.pop() else { break };
            mine[item] = shard == self.index;
            loads.push(Reverse((load + weights[item], shard)));
        }
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(weights: &[u64], count: u32) -> Vec<Vec<bool>> {
        (0..count).map(|index| Shard { index, count }.select(weights)).collect()
    }

    #[test]
    fn every_item_is_in_one_shard() {
        let weights: Vec<u64> = (1..100).map(|n| n * 7919 % 83).collect();
        let shards = shards(&weights, 5);
        for item in 0..weights.len() {
            assert_eq!(shards.iter().filter(|mine| mine[item]).count(), 1, "{item}");
        }
    }

    #[test]
    fn shards_are_balanced_by_weight_and_not_by_number() {
        let weights = [90, 1, 1, 1, 30, 30, 27, 1, 1, 1];
        for mine in shards(&weights, 2) {
            let load: u64 =
                weights.iter().zip(mine).filter(|(_, mine)| *mine).map(|(w, _)| w).sum();
            assert!((91..=92).contains(&load), "{load}");
        }
    }

    #[test]
    fn equal_items_go_round_in_their_order() {
        assert_eq!(shards(&[5; 4], 2), [[true, false, true, false], [false, true, false, true]]);
    }

    #[test]
    fn more_shards_than_items_leaves_some_empty() {
        let shards = shards(&[3], 3);
        assert_eq!(shards, [[true], [false], [false]]);
    }
}
