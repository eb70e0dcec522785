//! Credentials that are read again from their source: before they end, and whenever the cloud does not accept them.
//!
//! A driver lives for hours and was given the name of a source, not its content: whoever signs in again in another window renews them here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, Result as Answer};
use tokio::sync::Mutex;

use super::{CALL_TIMEOUT, profile_credentials};
use crate::adapters::host;
use crate::domain::time::{BootTime, Millis, WorldTime};

/// They are read again no more often than this, whatever they say of their end.
const SHORTEST_LIFE: Millis = Millis::mins(5);
/// As long as this before their end, newer ones are wanted: a long step and a way back have to fit.
const WANTED_REST: Millis = Millis::mins(30);
/// So long after a try that did not help another one may.
const PAUSE: Millis = Millis::secs(5);

/// The source, and what it gave last.
#[derive(Debug)]
pub(super) struct Renewing {
    profile: Option<String>,
    region: Option<String>,
    held: Mutex<Held>,
    end: StdMutex<Option<WorldTime>>,
    refused: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    credentials: Option<Credentials>,
    again_at: Option<BootTime>,
    tried_at: Option<BootTime>,
}

impl Renewing {
    /// Credentials from this profile, or along the standard chain.
    pub(super) fn new(profile: Option<&str>, region: Option<&str>) -> Self {
        Self {
            profile: profile.map(str::to_owned),
            region: region.map(str::to_owned),
            held: Mutex::default(),
            end: StdMutex::default(),
            refused: AtomicBool::new(false),
        }
    }

    /// The cloud did not accept them: the source may hold newer ones by now.
    pub(super) fn refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// When those that were read last end, where that is told.
    pub(super) fn end(&self) -> Option<WorldTime> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> Answer {
        let mut held = self.held.lock().await;
        let now = host::boot_now();
        if let Some(credentials) = held.credentials.clone().filter(|_| !self.is_due(&held, now)) {
            return Ok(credentials);
        }
        held.tried_at = Some(now);
        let read = tokio::time::timeout(CALL_TIMEOUT, self.read()).await;
        let read = read.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(CALL_TIMEOUT)));
        match (read, held.credentials.clone()) {
            (Ok(credentials), _) => {
                self.refused.store(false, Ordering::Relaxed);
                held.again_at = credentials.expiry().map(|end| now.plus(again_in(life(end, SystemTime::now()))));
                *self.end.lock().unwrap_or_else(PoisonError::into_inner) = credentials.expiry().and_then(moment);
                held.credentials = Some(credentials.clone());
                Ok(credentials)
            }
            // What was read before may still be good; if it is not, the cloud says so.
            (Err(error), Some(before)) => {
                tracing::warn!("credentials were not renewed: {error}");
                Ok(before)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn is_due(&self, held: &Held, now: BootTime) -> bool {
        let rested = held.tried_at.is_none_or(|tried| now.since(tried) >= PAUSE);
        let wanted = self.refused.load(Ordering::Relaxed) || held.again_at.is_some_and(|at| now >= at);
        rested && wanted
    }

    /// From the source itself: a chain keeps what it read once, so each time another one is made.
    async fn read(&self) -> Answer {
        if let Some(profile) = &self.profile {
            return profile_credentials(profile, self.region.as_deref()).await.provide_credentials().await;
        }
        let mut chain = DefaultCredentialsChain::builder();
        if let Some(region) = &self.region {
            chain = chain.region(Region::new(region.clone()));
        }
        chain.build().await.provide_credentials().await
    }
}

/// Handed to the SDK.
#[derive(Clone, Debug)]
pub(super) struct Source(pub(super) std::sync::Arc<Renewing>);

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(self.0.current())
    }
}

fn life(end: SystemTime, now: SystemTime) -> Millis {
    let left = end.duration_since(now).unwrap_or(Duration::ZERO);
    Millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}

/// At four fifths of their life, or while a long step and a way back still fit, whichever is first.
fn again_in(life: Millis) -> Millis {
    Millis(life.0 / 5 * 4).min(life.minus(WANTED_REST)).max(SHORTEST_LIFE)
}

fn moment(end: SystemTime) -> Option<WorldTime> {
    let since = end.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(WorldTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_again_at_four_fifths_of_their_life_or_while_half_an_hour_is_left() {
        assert_eq!(again_in(Millis::mins(12 * 60)), Millis::mins(576));
        assert_eq!(again_in(Millis::mins(60)), Millis::mins(30));
        assert_eq!(again_in(Millis::mins(15)), Millis::mins(5));
        assert_eq!(again_in(Millis::ZERO), Millis::mins(5));
    }

    fn held(again_at: Option<u64>, tried_at: u64) -> Held {
        Held { credentials: None, again_at: again_at.map(BootTime), tried_at: Some(BootTime(tried_at)) }
    }

    #[test]
    fn those_the_cloud_refused_are_read_again_but_not_at_every_call() {
        let source = Renewing::new(None, None);
        assert!(!source.is_due(&held(None, 0), BootTime(60_000)), "no end is told: never by itself");
        assert!(source.is_due(&held(Some(60_000), 0), BootTime(60_000)));
        source.refused();
        assert!(source.is_due(&held(None, 0), BootTime(5_000)));
        assert!(!source.is_due(&held(None, 1_000), BootTime(5_000)), "it was tried four seconds ago");
    }
}
