//! What is installed in an image, and what differs between two of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::text::Untrusted;

/// Beginnings of names whose change deserves a second look: the kernel, what encrypts, what everything is linked against, what lets people in.
const RISKY: [&str; 14] = [
    "linux-image",
    "kernel",
    "openssl",
    "libssl",
    "openssh",
    "libc6",
    "glibc",
    "systemd",
    "sudo",
    "ca-certificates",
    "gnutls",
    "libgnutls",
    "nss",
    "grub",
];

/// The packages of an image, as its package manager listed them on the builder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageList {
    /// The kernels it has.
    pub kernels: BTreeSet<Untrusted>,
    /// Every package with its versions: some can be installed more than once.
    pub packages: BTreeMap<Untrusted, BTreeSet<Untrusted>>,
}

impl PackageList {
    /// Reads one entry a line: `NAME VERSION`, or `= VERSION` for a kernel.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut list = Self::default();
        for (name, version) in text.lines().filter_map(|line| line.trim().split_once(' ')) {
            let version = Untrusted::from(version.trim());
            match name {
                "=" => drop(list.kernels.insert(version)),
                name => drop(list.packages.entry(name.into()).or_default().insert(version)),
            }
        }
        list
    }

    /// The same, as it is read.
    #[must_use]
    pub fn text(&self) -> String {
        let kernels = self.kernels.iter().map(|kernel| format!("= {}\n", kernel.raw()));
        let versions = |(name, versions): (&Untrusted, &BTreeSet<Untrusted>)| -> String {
            versions.iter().map(|version| format!("{} {}\n", name.raw(), version.raw())).collect()
        };
        kernels.chain(self.packages.iter().map(versions)).collect()
    }

    /// The kernels in words; none where none is listed.
    #[must_use]
    pub fn kernel_words(&self) -> Option<String> {
        (!self.kernels.is_empty()).then(|| in_a_row(&self.kernels))
    }
}

/// One package that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// Its name.
    pub name: Untrusted,
    /// The versions before; none where it was not there.
    pub from: Option<String>,
    /// The versions afterwards; none where it is not there any more.
    pub to: Option<String>,
    /// It deserves a second look.
    pub risky: bool,
}

/// What differs from one list to the other, what is risky first, by name.
#[must_use]
pub fn package_changes(from: &PackageList, to: &PackageList) -> Vec<PackageChange> {
    let names: BTreeSet<&Untrusted> = from.packages.keys().chain(to.packages.keys()).collect();
    let words = |list: &PackageList, name: &Untrusted| list.packages.get(name).map(in_a_row);
    let mut changes: Vec<PackageChange> = names
        .into_iter()
        .filter(|name| from.packages.get(*name) != to.packages.get(*name))
        .map(|name| PackageChange { name: name.clone(), from: words(from, name), to: words(to, name), risky: is_risky(name.raw()) })
        .collect();
    changes.sort_by_key(|change| !change.risky);
    changes
}

/// Whether a package is one of those that deserve a second look.
#[must_use]
pub fn is_risky(name: &str) -> bool {
    RISKY.iter().any(|beginning| name.starts_with(beginning))
}

fn in_a_row(versions: &BTreeSet<Untrusted>) -> String {
    versions.iter().map(Untrusted::shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "= 6.8.0-1020-aws\nbash 5.2.21-2\nlibssl3t64 3.0.13-0ubuntu3.4\nnginx 1.24.0-2\nold 1\n";
    const AFTER: &str = "= 6.8.0-1021-aws\nbash 5.2.21-2\nlibssl3t64 3.0.13-0ubuntu3.5\nnginx 1.26.0-1\nweb 2.15.0\n";

    #[test]
    fn what_differs_is_named_with_both_versions_and_the_risky_first() {
        let changes = package_changes(&PackageList::parse(BEFORE), &PackageList::parse(AFTER));
        let told: Vec<_> = changes.iter().map(|change| (change.name.raw(), change.from.as_deref(), change.to.as_deref(), change.risky)).collect();
        assert_eq!(
            told,
            [
                ("libssl3t64", Some("3.0.13-0ubuntu3.4"), Some("3.0.13-0ubuntu3.5"), true),
                ("nginx", Some("1.24.0-2"), Some("1.26.0-1"), false),
                ("old", Some("1"), None, false),
                ("web", None, Some("2.15.0"), false),
            ]
        );
        assert!(package_changes(&PackageList::parse(BEFORE), &PackageList::parse(BEFORE)).is_empty());
    }

    #[test]
    fn a_list_reads_as_it_was_written_and_holds_several_versions_of_one_name() {
        let list = PackageList::parse("= 6.1\n= 6.8\nkernel 6.1\nkernel 6.8\nnonsense\n");
        assert_eq!(PackageList::parse(&list.text()), list);
        assert_eq!((list.packages.len(), list.kernel_words().as_deref()), (1, Some("6.1, 6.8")));
        let hostile = PackageList::parse("a\u{1b}[2J 1\u{1b}[0m\n");
        let change = package_changes(&PackageList::default(), &hostile).remove(0);
        assert!(!change.name.shown().contains('\u{1b}') && !change.to.unwrap().contains('\u{1b}'));
    }
}
