//! The courtesy claim: a tag on both groups that tells people with another store who is at work here.

use crate::domain::group::ServerGroup;
use crate::domain::ids::{ImageId, OperationId, TemplateId};
use crate::domain::release::Release;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::WorldTime;

/// The tag's key.
pub const CLAIM_KEY: &str = "qd:claim";
/// The tag that mirrors the stable release.
pub const STABLE_KEY: &str = "qd:stable";

/// Who puts claims: the same in every claim of one store's operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The operation.
    pub operation: OperationId,
    /// `user@host`.
    pub who: String,
    /// The store's id.
    pub store: String,
}

/// What the tag that mirrors a stable release says: enough to know it again on the group that launches it.
#[must_use]
pub fn stable_value(image: &ImageId, template: &TemplateId, version: u64) -> String {
    format!("{}|{}|{version}", image.as_str(), template.as_str())
}

/// Whether the group's own tag says that this release became stable on it.
#[must_use]
pub fn was_stable(group: &ServerGroup, release: &Release) -> bool {
    let value = stable_value(&release.image, &release.template, release.template_version);
    group.tags.get(STABLE_KEY).is_some_and(|tag| tag.raw() == value)
}

/// A claim as it is read from a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The operation that holds the fleet.
    pub operation: Untrusted,
    /// Who confirmed it.
    pub who: Untrusted,
    /// The store it is in.
    pub store: Untrusted,
    /// When it ends unless renewed.
    pub until: Option<WorldTime>,
}

impl Claimant {
    /// The tag's value until `until`. Tag values hold 256 characters: the name is cut to fit.
    #[must_use]
    pub fn value(&self, until: WorldTime) -> String {
        let who: String = self.who.chars().filter(|c| *c != ';').take(80).collect();
        format!("op={};who={who};store={};until={}", self.operation.as_str(), self.store, until.rfc3339())
    }
}

impl Claim {
    /// Reads a tag's value; anything else than our form is a claim by an unknown hand that never ends by itself.
    #[must_use]
    pub fn parse(value: &Untrusted) -> Self {
        let field = |name: &str| value.raw().split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or("?");
        let until = field("until").parse::<jiff::Timestamp>().ok().map(|at| WorldTime(at.as_millisecond()));
        Self { operation: field("op").into(), who: field("who").into(), store: field("store").into(), until }
    }

    /// Whether it was put by this store.
    #[must_use]
    pub fn is_by(&self, store: &str) -> bool {
        self.store.raw() == store
    }

    /// Whether it still counts.
    #[must_use]
    pub fn is_live(&self, now: WorldTime) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// Who and what, for people: a claim of another store.
    #[must_use]
    pub fn described(&self) -> String {
        self.told(" of another store")
    }

    /// Who and what, for people: a claim of this store.
    #[must_use]
    pub fn described_as_ours(&self) -> String {
        self.told("")
    }

    fn told(&self, whose: &str) -> String {
        let until = self.until.map_or_else(|| "without an end".to_owned(), |until| format!("until {}", until.rfc3339()));
        format!("operation {} by {}{whose}, {until}", self.operation.shown(), escape(self.who.raw()))
    }
}

/// The claim on a group, if there is one.
#[must_use]
pub fn claim_on(group: &ServerGroup) -> Option<Claim> {
    group.tags.get(CLAIM_KEY).map(Claim::parse)
}

/// A live claim of another store on any of these groups.
#[must_use]
pub fn foreign_claim<'a>(groups: impl IntoIterator<Item = &'a ServerGroup>, store: &str, now: WorldTime) -> Option<Claim> {
    groups.into_iter().filter_map(claim_on).find(|claim| !claim.is_by(store) && claim.is_live(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_read_back_as_it_was_written() {
        let claimant = Claimant { operation: "op-7".into(), who: "ann@bastion".to_owned(), store: "s1".to_owned() };
        let claim = Claim::parse(&claimant.value(WorldTime(60_000)).into());
        assert!(claim.is_by("s1") && !claim.is_by("s2"));
        assert!(claim.is_live(WorldTime(59_999)) && !claim.is_live(WorldTime(60_000)));
        assert_eq!(claim.described(), "operation op-7 by ann@bastion of another store, until 1970-01-01T00:01:00Z");
        assert_eq!(claim.described_as_ours(), "operation op-7 by ann@bastion, until 1970-01-01T00:01:00Z");
    }

    #[test]
    fn a_claim_nobody_can_read_never_ends_by_itself() {
        let claim = Claim::parse(&"mine!".into());
        assert!(claim.is_live(WorldTime(i64::MAX)) && !claim.is_by("s1"));
    }
}
