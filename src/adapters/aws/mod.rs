//! AWS: the only place that names its SDK.
//!
//! [`AwsCloud`] asks, [`AwsWriter`] changes; both share clients, the cache of numbered template versions (they never change) and the route
//! actions last read (a write is made from them). Every call goes through the gate: it waits for the shared budget, and reads are asked
//! again twice at most when the service is busy or the connection broke. The SDK's own retries are off; writes are sent once. An answer that
//! breaks off is none.

mod actions;
mod ages;
mod alarms;
mod bake_reads;
mod bake_writes;
mod canonical;
mod clock;
mod convert;
mod dry_run;
mod error;
mod facts;
mod gate;
mod groups;
mod identity;
mod image_reads;
mod image_writes;
mod images;
mod metrics;
mod observe;
mod pages;
mod read;
mod refresh;
mod routes;
mod template_writes;
mod templates;
mod whole;
mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_elasticloadbalancingv2::types::Action;
use aws_smithy_types::retry::RetryConfig;

use self::clock::{CloudDate, wall_clock};
use self::gate::Gate;
use self::identity::{Renewing, Source};
use self::templates::VersionInfo;
use self::whole::WholeAnswer;
pub use self::writer::AwsWriter;
use crate::adapters::budget::MemoryBudget;
use crate::adapters::host;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::fleet::RoutePlace;
use crate::domain::ids::{InstanceId, TemplateId};
use crate::domain::tags::TagKeys;
use crate::domain::text::Untrusted;
use crate::domain::time::{BootTime, WorldTime};
use crate::ports::budget::{CallBudget, Priority};

/// How long one call may take, sign-in included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where and as whom to ask.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The profile; the environment's or the default one if none.
    pub profile: Option<String>,
    /// The region; the environment's or the profile's if none.
    pub region: Option<String>,
    /// Another endpoint for all services, for tests.
    pub endpoint_url: Option<String>,
    /// Whose images are listed: `self`, account ids.
    pub image_owners: Vec<String>,
    /// Which tags mean what.
    pub tag_keys: TagKeys,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self { profile: None, region: None, endpoint_url: None, image_owners: vec!["self".to_owned()], tag_keys: TagKeys::default() }
    }
}

/// What all handles on one account and region share.
struct Shared {
    ec2: aws_sdk_ec2::Client,
    auto_scaling: aws_sdk_autoscaling::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    sts: aws_sdk_sts::Client,
    region: String,
    image_owners: Vec<String>,
    tag_keys: TagKeys,
    versions: Mutex<BTreeMap<(TemplateId, u64), VersionInfo>>,
    actions: Mutex<BTreeMap<RoutePlace, ReadActions>>,
    /// When servers were launched: that never changes.
    launched: Mutex<BTreeMap<InstanceId, WorldTime>>,
    /// Why the last look was turned away, if it was for want of credentials.
    turned_away: Mutex<Option<Untrusted>>,
}

/// A place's actions as the SDK gave them, and when: by the clock that goes on while the host sleeps.
#[derive(Clone)]
struct ReadActions {
    actions: Vec<Action>,
    at: BootTime,
}

/// Questions to AWS. Cheap to clone; clones share clients and caches.
#[derive(Clone)]
pub struct AwsCloud {
    shared: Arc<Shared>,
    gate: Gate,
}

impl AwsCloud {
    /// Loads the configuration and makes the clients. Nothing is sent but what finding a region takes; credentials are looked for by the
    /// first call, along the standard chain: environment, profile, SSO, credential process, instance metadata.
    ///
    /// # Errors
    /// When no region is known, or the endpoint is no URL.
    pub async fn connect(settings: &AwsSettings) -> Result<Self, CloudError> {
        if let Some(url) = settings.endpoint_url.as_deref().filter(|url| !is_url(url)) {
            let why = format!("'{url}' is not an endpoint: expected a URL such as http://127.0.0.1:5000");
            return Err(CloudError::new(CloudErrorKind::Network, "connect", why));
        }
        let source = Arc::new(Renewing::new(settings.profile.as_deref(), settings.region.as_deref()));
        let sdk = load(settings, &source).await;
        let Some(region) = sdk.region().map(ToString::to_string) else {
            let why = "no region is set: give --region, or set AWS_REGION or the profile's `region`";
            return Err(CloudError::new(CloudErrorKind::Network, "connect", why));
        };
        let shared = Shared {
            ec2: aws_sdk_ec2::Client::from_conf(aws_sdk_ec2::config::Builder::from(&sdk).interceptor(WholeAnswer).build()),
            auto_scaling: aws_sdk_autoscaling::Client::from_conf(
                aws_sdk_autoscaling::config::Builder::from(&sdk).interceptor(WholeAnswer).interceptor(CloudDate).build(),
            ),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(
                aws_sdk_elasticloadbalancingv2::config::Builder::from(&sdk).interceptor(WholeAnswer).build(),
            ),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(aws_sdk_cloudwatch::config::Builder::from(&sdk).interceptor(WholeAnswer).build()),
            sts: aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(&sdk).interceptor(WholeAnswer).interceptor(CloudDate).build()),
            region,
            image_owners: settings.image_owners.clone(),
            tag_keys: settings.tag_keys.clone(),
            versions: Mutex::default(),
            actions: Mutex::default(),
            launched: Mutex::default(),
            turned_away: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), gate: Gate { budget: Arc::new(MemoryBudget::default()), priority: Priority::Rest, source } })
    }

    /// The same with another budget, for example the one all processes of a store share.
    #[must_use]
    pub fn with_budget(&self, budget: Arc<dyn CallBudget>) -> Self {
        Self { shared: Arc::clone(&self.shared), gate: Gate { budget, ..self.gate.clone() } }
    }

    /// The same for callers of another urgency.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self { shared: Arc::clone(&self.shared), gate: Gate { priority, ..self.gate.clone() } }
    }

    /// When the credentials end, by their own account and as far as it was told.
    #[must_use]
    pub fn credentials_until(&self) -> Option<WorldTime> {
        self.gate.source.end()
    }

    /// How much later it is there than on this host, in milliseconds; none where the two agree, or nobody has answered.
    #[must_use]
    pub fn clock_difference(&self) -> Option<i64> {
        clock::difference()
    }

    /// The region asked.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// Keeps the actions of a place: a write is made from them.
    fn keep_actions(&self, place: &RoutePlace, actions: &[Action]) {
        let read = ReadActions { actions: actions.to_vec(), at: host::boot_now() };
        locked(&self.shared.actions).insert(place.clone(), read);
    }

    fn kept_actions(&self, place: &RoutePlace) -> Option<ReadActions> {
        locked(&self.shared.actions).get(place).cloned()
    }

    fn forget_actions(&self, place: &RoutePlace) {
        locked(&self.shared.actions).remove(place);
    }
}

/// Enough of a check to answer a typing mistake before the first call does, at length.
fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or_default();
    !host.is_empty() && !host.starts_with(['/', ':']) && host.chars().all(|c| c.is_ascii_graphic())
}

async fn load(settings: &AwsSettings, source: &Arc<Renewing>) -> SdkConfig {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(CALL_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(RetryConfig::disabled());
    if let Ok(name) = AppName::new("quarterdeck") {
        loader = loader.app_name(name);
    }
    // The SDK's own cache would keep what it read until that ends, and let credentials in the environment win over a profile that was asked for.
    loader = loader.credentials_provider(Source(Arc::clone(source))).identity_cache(IdentityCache::no_cache());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    // An explicit region spares the look-up at the instance metadata service, which takes seconds where there is none.
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

async fn profile_credentials(profile: &str, region: Option<&str>) -> ProfileFileCredentialsProvider {
    // A profile that assumes a role asks for it in a region.
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => DefaultRegionChain::builder().profile_name(profile).build().region().await,
    };
    let config = ProviderConfig::without_region().with_region(region);
    ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build()
}

/// A panic elsewhere while a cache was locked leaves a cache, nothing worse.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
