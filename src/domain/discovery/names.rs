//! What a pair of groups is called together.

use crate::domain::ids::GroupName;

/// The part of the names both share, without what only separates or begins the slot's name; the first name if nothing is left.
pub(super) fn of_pair(a: &GroupName, b: &GroupName) -> String {
    let shared: String = a.as_str().chars().zip(b.as_str().chars()).take_while(|(left, right)| left == right).map(|(left, _)| left).collect();
    let name = shared.trim_end_matches(['-', '_', '.', '/', ' ', ':']);
    if name.is_empty() { a.as_str().to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::of_pair;

    #[test]
    fn slot_letters_and_colours_fall_off() {
        for (a, b, name) in [
            ("shop-prod-a", "shop-prod-b", "shop-prod"),
            ("shop-prod-blue", "shop-prod-green", "shop-prod"),
            ("shop_a", "shop_b", "shop"),
            ("shop1", "shop2", "shop"),
            ("red", "green", "red"),
        ] {
            assert_eq!(of_pair(&a.into(), &b.into()), name);
        }
    }
}
