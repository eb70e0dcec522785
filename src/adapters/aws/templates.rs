//! Launch template versions: what a group launches. A numbered version never changes, so it is looked up once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_ec2::types as ec2;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::canonical::{Canon, digest};
use super::{AwsCloud, locked};
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::group::PinnedVersion;
use crate::domain::ids::{ImageId, TemplateId};
use crate::domain::observation::TemplateData;
use crate::domain::text::Untrusted;
use crate::ports::budget::BudgetKey;

pub(super) const API: &str = "DescribeLaunchTemplateVersions";
/// The most versions one call names.
const BATCH: usize = 200;
/// Templates looked up at the same time.
const AT_ONCE: usize = 8;

/// What is kept of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionInfo {
    pub(super) number: u64,
    /// The image, if the version names one by id.
    pub(super) image: Option<ImageId>,
    pub(super) digest: String,
}

/// The versions that are in use, by template.
#[derive(Default)]
pub(super) struct Wanted(BTreeMap<TemplateId, BTreeSet<VersionWord>>);

/// A version as a group or an instance names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum VersionWord {
    Latest,
    Default,
    Number(u64),
}

impl VersionWord {
    const fn of(version: PinnedVersion) -> Self {
        match version {
            PinnedVersion::Number(number) => Self::Number(number),
            PinnedVersion::Latest => Self::Latest,
            PinnedVersion::Default => Self::Default,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Latest => "$Latest".to_owned(),
            Self::Default => "$Default".to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Wanted {
    /// Notes that a version is in use.
    pub(super) fn add(&mut self, template: TemplateId, version: PinnedVersion) {
        self.0.entry(template).or_default().insert(VersionWord::of(version));
    }
}

/// What was found out about versions.
#[derive(Default)]
pub(super) struct Known(BTreeMap<(TemplateId, VersionWord), VersionInfo>);

impl Known {
    /// What is known of a version.
    pub(super) fn get(&self, template: &TemplateId, version: PinnedVersion) -> Option<&VersionInfo> {
        self.0.get(&(template.clone(), VersionWord::of(version)))
    }
}

impl AwsCloud {
    /// Looks up what is not known yet. What cannot be looked up is left out: a group without its image is worth more than no group.
    pub(super) async fn look_up(&self, wanted: Wanted) -> Known {
        let mut known = Known::default();
        let mut tasks = JoinSet::new();
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        for (template, words) in wanted.0 {
            let missing = self.fill_from_cache(&template, words, &mut known);
            if missing.is_empty() {
                continue;
            }
            let (cloud, at_once) = (self.clone(), Arc::clone(&at_once));
            tasks.spawn(async move {
                let _permit = at_once.acquire_owned().await;
                let found = cloud.look_up_one(&template, &missing).await;
                (template, found)
            });
        }
        while let Some(done) = tasks.join_next().await {
            if let Ok((template, found)) = done {
                known.0.extend(found.into_iter().map(|(word, info)| ((template.clone(), word), info)));
            }
        }
        known
    }

    fn fill_from_cache(&self, template: &TemplateId, words: BTreeSet<VersionWord>, known: &mut Known) -> Vec<VersionWord> {
        let cache = locked(&self.shared.versions);
        let mut missing = Vec::new();
        for word in words {
            let cached = if let VersionWord::Number(number) = word { cache.get(&(template.clone(), number)) } else { None };
            match cached {
                Some(info) => drop(known.0.insert((template.clone(), word), info.clone())),
                None => missing.push(word),
            }
        }
        missing
    }

    async fn look_up_one(&self, template: &TemplateId, words: &[VersionWord]) -> Vec<(VersionWord, VersionInfo)> {
        let mut found = Vec::new();
        for batch in words.chunks(BATCH) {
            match self.versions_named(template, batch).await {
                Ok(versions) => found.extend(self.match_versions(template, batch, &versions)),
                // One version that was deleted fails the whole batch: ask for each by itself.
                Err(error) if error.kind == CloudErrorKind::NotFound && batch.len() > 1 => {
                    for word in batch {
                        if let Ok(versions) = self.versions_named(template, &[*word]).await {
                            found.extend(self.match_versions(template, &[*word], &versions));
                        }
                    }
                }
                Err(error) => tracing::debug!(template = template.as_str(), %error, "template versions not looked up"),
            }
        }
        found
    }

    fn match_versions(
        &self,
        template: &TemplateId,
        words: &[VersionWord],
        versions: &[ec2::LaunchTemplateVersion],
    ) -> Vec<(VersionWord, VersionInfo)> {
        let mut cache = locked(&self.shared.versions);
        for info in versions.iter().filter_map(read_version) {
            cache.insert((template.clone(), info.number), info);
        }
        drop(cache);
        words.iter().filter_map(|word| Some((*word, read_version(pick(*word, versions)?)?))).collect()
    }

    async fn versions_named(&self, template: &TemplateId, words: &[VersionWord]) -> Result<Vec<ec2::LaunchTemplateVersion>, CloudError> {
        let names: Vec<String> = words.iter().map(|word| word.text()).collect();
        let ask =
            || self.shared.ec2.describe_launch_template_versions().launch_template_id(template.as_str()).set_versions(Some(names.clone())).send();
        Ok(self.gate.read(API, BudgetKey::Ec2Read, ask).await?.launch_template_versions.unwrap_or_default())
    }

    /// One version as the SDK tells it.
    pub(super) async fn version_data(&self, template: &TemplateId, version: u64) -> Result<ec2::ResponseLaunchTemplateData, CloudError> {
        let versions = self.versions_named(template, &[VersionWord::Number(version)]).await?;
        let found = versions.into_iter().find(|found| number_of(found) == Some(version)).and_then(|found| found.launch_template_data);
        found.ok_or_else(|| CloudError::new(CloudErrorKind::NotFound, API, format!("{template} has no version {version}")))
    }

    /// One page of all versions of a template.
    pub(super) async fn versions_page(
        &self,
        template: &TemplateId,
        token: Option<String>,
    ) -> Result<(Vec<ec2::LaunchTemplateVersion>, Option<String>), CloudError> {
        let ask = || {
            let request = self.shared.ec2.describe_launch_template_versions().launch_template_id(template.as_str());
            request.max_results(200).set_next_token(token.clone()).send()
        };
        let answer = self.gate.read(API, BudgetKey::Ec2Read, ask).await?;
        Ok((answer.launch_template_versions.unwrap_or_default(), answer.next_token))
    }

    /// The same, with images that are named by a parameter resolved to their ids.
    pub(super) async fn resolved_versions_page(
        &self,
        template: &TemplateId,
        token: Option<String>,
    ) -> Result<(Vec<ec2::LaunchTemplateVersion>, Option<String>), CloudError> {
        let ask = || {
            let request = self.shared.ec2.describe_launch_template_versions().launch_template_id(template.as_str()).resolve_alias(true);
            request.max_results(200).set_next_token(token.clone()).send()
        };
        let answer = self.gate.read(API, BudgetKey::Ec2Read, ask).await?;
        Ok((answer.launch_template_versions.unwrap_or_default(), answer.next_token))
    }

    /// The data of one version, for people and for comparing.
    pub(super) async fn template_data(&self, template: &TemplateId, version: u64) -> Result<TemplateData, CloudError> {
        Ok(read_data(&self.version_data(template, version).await?))
    }
}

/// The number of a version.
pub(super) fn number_of(version: &ec2::LaunchTemplateVersion) -> Option<u64> {
    version.version_number().and_then(|number| u64::try_from(number).ok())
}

fn pick(word: VersionWord, versions: &[ec2::LaunchTemplateVersion]) -> Option<&ec2::LaunchTemplateVersion> {
    match word {
        VersionWord::Number(number) => versions.iter().find(|version| number_of(version) == Some(number)),
        VersionWord::Default => versions.iter().find(|version| version.default_version() == Some(true)),
        // Asked for among others, the latest is the highest of the answer.
        VersionWord::Latest => versions.iter().max_by_key(|version| number_of(version)),
    }
}

fn read_version(version: &ec2::LaunchTemplateVersion) -> Option<VersionInfo> {
    let data = version.launch_template_data()?;
    Some(VersionInfo { number: number_of(version)?, image: image_of(data), digest: form(data).digest() })
}

/// The image, if it is named by its id: `resolve:ssm:…` names none.
pub(super) fn image_of(data: &ec2::ResponseLaunchTemplateData) -> Option<ImageId> {
    data.image_id().filter(|id| id.starts_with("ami-")).map(ImageId::new)
}

pub(super) fn read_data(data: &ec2::ResponseLaunchTemplateData) -> TemplateData {
    let form = form(data);
    let shown = |value: &Canon| match value {
        Canon::Leaf(text) => Untrusted::new(text.clone()),
        other => Untrusted::new(other.text()),
    };
    let fields = form.fields().map(|fields| fields.iter().map(|(key, value)| (key.clone(), shown(value))).collect()).unwrap_or_default();
    TemplateData { image: image_of(data), digest: form.digest(), fields }
}

/// Everything but the image. User data goes in by its digest: it may hold secrets, and it is long.
fn form(data: &ec2::ResponseLaunchTemplateData) -> Canon {
    let mut form = Canon::of(data);
    if let Canon::Leaf(_) | Canon::List(_) = form {
        form = Canon::Map(BTreeMap::new());
    }
    form.remove("image_id");
    if let Some(user_data) = data.user_data() {
        form.set("user_data", Canon::Leaf(format!("sha256:{}", digest(user_data.as_bytes()))));
    }
    if let Some(kind) = data.instance_type() {
        form.set("instance_type", Canon::Leaf(kind.as_str().to_owned()));
    }
    // The order of security groups means nothing, and two tools write it differently.
    if let Some(Canon::List(groups)) = form.get_mut("security_group_ids") {
        groups.sort_by_key(Canon::text);
    }
    // `pending` becomes `applied` by itself: no difference between versions.
    if let Some(options) = form.get_mut("metadata_options") {
        options.remove("state");
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(image: &str, user_data: &str) -> ec2::builders::ResponseLaunchTemplateDataBuilder {
        ec2::ResponseLaunchTemplateData::builder().image_id(image).user_data(user_data).instance_type(ec2::InstanceType::T3Micro)
    }

    #[test]
    fn the_digest_covers_everything_but_the_image() {
        let one = read_data(&data("ami-1", "YQ==").security_group_ids("sg-1").security_group_ids("sg-2").build());
        let other_image = read_data(&data("ami-2", "YQ==").security_group_ids("sg-2").security_group_ids("sg-1").build());
        assert_eq!(one.digest, other_image.digest);
        assert_ne!(one.image, other_image.image);
        for changed in [
            data("ami-1", "Yg==").security_group_ids("sg-1").security_group_ids("sg-2"),
            data("ami-1", "YQ==").security_group_ids("sg-1"),
            data("ami-1", "YQ==").security_group_ids("sg-1").security_group_ids("sg-2").ebs_optimized(true),
        ] {
            assert_ne!(one.digest, read_data(&changed.build()).digest);
        }
        assert_eq!(one.fields.get("instance_type"), Some(&"t3.micro".into()));
        assert!(one.fields.get("user_data").is_some_and(|shown| shown.raw().starts_with("sha256:") && !shown.raw().contains("YQ==")));
    }

    #[test]
    fn latest_and_default_are_found_in_the_answer() {
        let version = |number: i64, default: bool| {
            ec2::LaunchTemplateVersion::builder()
                .version_number(number)
                .default_version(default)
                .launch_template_data(ec2::ResponseLaunchTemplateData::builder().image_id(format!("ami-{number}")).build())
                .build()
        };
        let versions = [version(2, true), version(7, false)];
        let image = |word| pick(word, &versions).and_then(read_version).and_then(|info| info.image);
        assert_eq!(image(VersionWord::Latest), Some("ami-7".into()));
        assert_eq!(image(VersionWord::Default), Some("ami-2".into()));
        assert_eq!(image(VersionWord::Number(3)), None);
    }

    #[test]
    fn an_image_named_by_a_parameter_is_no_image_id() {
        assert_eq!(image_of(&ec2::ResponseLaunchTemplateData::builder().image_id("resolve:ssm:/web").build()), None);
    }
}
