//! What is installed in the images of the simulated cloud: an Ubuntu server as it was on the day of the bake, and the application on it.

use super::World;
use crate::domain::ids::ImageId;
use crate::domain::packages::PackageList;
use crate::domain::text::Untrusted;
use crate::domain::time::{Millis, WorldTime};

/// Security updates of one package are so far apart.
const APART_DAYS: u64 = 9;

/// A package: its name, its version without the last number, and what that was on the day the simulated cloud's clocks begin to count from. One
/// that is updated has a number; the others stay as they are.
const SERVER: &[(&str, &str, Option<u64>)] = &[
    ("adduser", "3.137ubuntu1", None),
    ("apt", "2.7.14build2", None),
    ("base-files", "13ubuntu10", None),
    ("bash", "5.2.21-2ubuntu4", None),
    ("bind9-dnsutils", "1:9.18.28-0ubuntu0.24.04", Some(1)),
    ("ca-certificates", "20240203", None),
    ("chrony", "4.5-1ubuntu4", Some(1)),
    ("cloud-init", "24.1.3-0ubuntu3", Some(1)),
    ("coreutils", "9.4-3ubuntu6", None),
    ("curl", "8.5.0-2ubuntu10", Some(1)),
    ("dpkg", "1.22.6ubuntu6", None),
    ("gzip", "1.12-1ubuntu3", None),
    ("libc6", "2.39-0ubuntu8", Some(2)),
    ("libcurl4t64", "8.5.0-2ubuntu10", Some(1)),
    ("libpam0g", "1.5.3-5ubuntu5", Some(1)),
    ("libssl3t64", "3.0.13-0ubuntu3", Some(1)),
    ("libsystemd0", "255.4-1ubuntu8", Some(2)),
    ("openssh-client", "1:9.6p1-3ubuntu13", Some(3)),
    ("openssh-server", "1:9.6p1-3ubuntu13", Some(3)),
    ("openssl", "3.0.13-0ubuntu3", Some(1)),
    ("passwd", "1:4.13+dfsg1-4ubuntu3", None),
    ("perl-base", "5.38.2-3.2build2", Some(1)),
    ("python3.12", "3.12.3-1ubuntu0", Some(1)),
    ("rsyslog", "8.2312.0-3ubuntu9", None),
    ("sudo", "1.9.15p5-3ubuntu5", None),
    ("systemd", "255.4-1ubuntu8", Some(2)),
    ("tar", "1.35+dfsg-3build1", None),
    ("tzdata", "2024a-3ubuntu1", Some(1)),
    ("util-linux", "2.39.3-9ubuntu6", Some(1)),
    ("vim-tiny", "2:9.1.0016-1ubuntu7", Some(3)),
];

/// The day the updates are counted from.
const COUNTED_FROM: WorldTime = WorldTime(1_735_700_000_000);

/// What somebody finds on a server that was made at `at`, with this application on it.
pub(super) fn installed(at: WorldTime, app: Option<(&str, &str)>) -> PackageList {
    let days = at.since(COUNTED_FROM).0 / Millis::mins(24 * 60).0;
    // Updates of the packages of one source come on the same day.
    let update = |version: &str, first: u64| first + (days + version.len() as u64) / APART_DAYS;
    let mut text = String::new();
    for (name, version, updated) in SERVER {
        match updated {
            Some(first) => text.push_str(&format!("{name} {version}.{}\n", update(version, *first))),
            None => text.push_str(&format!("{name} {version}\n")),
        }
    }
    let kernel = format!("6.8.0-{}-aws", 1_009 + days / (APART_DAYS * 2));
    text.push_str(&format!("= {kernel}\nlinux-image-{kernel} {}.{}\n", kernel.trim_end_matches("-aws"), 11));
    if let Some((app, version)) = app {
        text.push_str(&format!("{app} {version}-1\nnginx 1.24.0-2ubuntu7.{}\n", update("nginx", 1)));
    }
    PackageList::parse(&text)
}

impl World {
    /// The package list that was recorded when an image of the catalog was baked; none for images that were not.
    #[must_use]
    pub fn package_list(&self, id: &ImageId) -> Option<PackageList> {
        let image = &self.images.get(id)?.image;
        let app = image.app.as_ref().map(Untrusted::raw).zip(image.version.as_ref().map(Untrusted::raw))?;
        Some(installed(image.created_at?, Some(app)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::packages::package_changes;

    #[test]
    fn a_later_bake_has_newer_packages_and_one_of_the_same_day_has_the_same() {
        let day = |days: u64| WorldTime(1_780_000_000_000).plus(Millis::mins(days * 24 * 60));
        let changes = |from: u64, to: u64| package_changes(&installed(day(from), Some(("web", "1"))), &installed(day(to), Some(("web", "2"))));
        assert_eq!(changes(0, 0).iter().map(|change| change.name.raw()).collect::<Vec<_>>(), ["web"]);
        let later = changes(0, 40);
        assert!(later.iter().any(|change| change.name.raw() == "openssl" && change.risky), "{later:?}");
        assert!(later.iter().any(|change| change.name.raw().starts_with("linux-image") && change.to.is_none()));
    }
}
