//! A map that is asked and never walked: for what is looked up tens of thousands of times and has no order that anybody could see.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};

/// Things by their names. It hashes with the same key in every process, so nothing about it differs between two runs.
#[derive(Clone, Debug)]
pub struct Lookup<K, V>(HashMap<K, V, BuildHasherDefault<DefaultHasher>>);

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Eq + Hash, V> Lookup<K, V> {
    /// The things with their names; of several with one name the first.
    pub fn of_first(named: impl Iterator<Item = (K, V)>) -> Self {
        let mut lookup = Self::default();
        for (name, thing) in named {
            lookup.0.entry(name).or_insert(thing);
        }
        lookup
    }

    /// The thing of that name.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(name)
    }

    /// The thing of that name, to be changed.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, name: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(name)
    }

    /// Whether there is one of that name.
    pub fn has<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(name)
    }

    /// Puts a thing under a name; what was there before.
    pub fn insert(&mut self, name: K, thing: V) -> Option<V> {
        self.0.insert(name, thing)
    }

    /// The thing of that name, an empty one if there is none yet.
    pub fn or_default(&mut self, name: K) -> &mut V
    where
        V: Default,
    {
        self.0.entry(name).or_default()
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for Lookup<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(named: T) -> Self {
        Self(named.into_iter().collect())
    }
}
