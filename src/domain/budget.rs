//! How many calls a second the cloud is asked, so that a screen's polling never takes what a rollback's own writes need.
//!
//! The buckets are shared by every process of a store: their state is a row, the rule is here and pure. AWS publishes these figures for a
//! fresh account; a real one may have others, so a throttling answer always counts for more than the figures.

use serde::{Deserialize, Serialize};

use super::time::{BootTime, Millis};

/// What a call is paid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetKey {
    /// Reads of EC2.
    Ec2Read,
    /// Writes of launch templates.
    Ec2TemplateWrite,
    /// Writes of instances, images, volumes and what belongs to them, which only bakes make.
    Ec2Write,
    /// Every call of Elastic Load Balancing: one bucket for the whole account.
    Elb,
    /// ModifyRule and ModifyListener: a bucket of their own, and drawn from [`BudgetKey::Elb`] besides.
    ElbWrite,
    /// Every call of Auto Scaling.
    AutoScaling,
    /// The identity service.
    Sts,
    /// Reads of CloudWatch's alarms.
    CloudWatch,
}

impl BudgetKey {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Ec2Read, Self::Ec2TemplateWrite, Self::Ec2Write, Self::Elb, Self::ElbWrite, Self::AutoScaling, Self::Sts, Self::CloudWatch];

    /// The name of its row.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ec2Read => "ec2_read",
            Self::Ec2TemplateWrite => "ec2_template_write",
            Self::Ec2Write => "ec2_write",
            Self::Elb => "elb",
            Self::ElbWrite => "elb_write",
            Self::AutoScaling => "auto_scaling",
            Self::Sts => "sts",
            Self::CloudWatch => "cloudwatch",
        }
    }

    /// The buckets one call takes a token from.
    #[must_use]
    pub const fn drawn_from(self) -> &'static [Self] {
        match self {
            Self::Ec2Read => &[Self::Ec2Read],
            Self::Ec2TemplateWrite => &[Self::Ec2TemplateWrite],
            Self::Ec2Write => &[Self::Ec2Write],
            Self::Elb => &[Self::Elb],
            Self::ElbWrite => &[Self::ElbWrite, Self::Elb],
            Self::AutoScaling => &[Self::AutoScaling],
            Self::Sts => &[Self::Sts],
            Self::CloudWatch => &[Self::CloudWatch],
        }
    }
}

/// How urgent a call is; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A rollback's write: never waits here, whatever the figures say.
    RollbackWrite,
    /// Any other write: may use the reserve.
    Write,
    /// A driver's reads: before any screen's.
    DriverRead,
    /// The fleet somebody has open.
    OpenedFleet,
    /// The fleets on the screen.
    VisibleFleets,
    /// Everything else.
    Rest,
}

/// One bucket's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BucketRule {
    /// The most it holds.
    pub burst: f64,
    /// What comes back in a second.
    pub refill_per_sec: f64,
    /// What reads must leave for writes.
    pub reserve: f64,
    /// What each less urgent kind of read leaves for the next more urgent one.
    pub step: f64,
}

/// The figures of a bucket. ELB would give 10 a second, but to everybody in the account: this program takes 3 of them in the steady state
/// and keeps 20 of 40 tokens for writes. Auto Scaling's rate is unpublished: one a second. CloudWatch gives DescribeAlarms 9 a second.
/// Of EC2's other writes RunInstances has the smallest bucket, and a bake never needs more.
#[must_use]
pub const fn rule(key: BudgetKey) -> BucketRule {
    match key {
        BudgetKey::Ec2Read => BucketRule { burst: 100.0, refill_per_sec: 20.0, reserve: 10.0, step: 5.0 },
        BudgetKey::Ec2TemplateWrite => BucketRule { burst: 100.0, refill_per_sec: 5.0, reserve: 0.0, step: 0.0 },
        BudgetKey::Ec2Write => BucketRule { burst: 5.0, refill_per_sec: 2.0, reserve: 0.0, step: 0.0 },
        BudgetKey::Elb => BucketRule { burst: 40.0, refill_per_sec: 3.0, reserve: 20.0, step: 4.0 },
        BudgetKey::ElbWrite => BucketRule { burst: 20.0, refill_per_sec: 3.0, reserve: 0.0, step: 0.0 },
        BudgetKey::AutoScaling => BucketRule { burst: 20.0, refill_per_sec: 1.0, reserve: 5.0, step: 2.0 },
        BudgetKey::Sts => BucketRule { burst: 20.0, refill_per_sec: 5.0, reserve: 0.0, step: 0.0 },
        BudgetKey::CloudWatch => BucketRule { burst: 9.0, refill_per_sec: 3.0, reserve: 0.0, step: 1.0 },
    }
}

impl BucketRule {
    /// What a call of this priority must leave in the bucket.
    #[must_use]
    pub const fn floor(&self, priority: Priority) -> f64 {
        match priority {
            Priority::RollbackWrite | Priority::Write => 0.0,
            Priority::DriverRead => self.reserve,
            Priority::OpenedFleet => self.reserve + self.step,
            Priority::VisibleFleets => self.reserve + 2.0 * self.step,
            Priority::Rest => self.reserve + 3.0 * self.step,
        }
    }
}

/// What is in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Tokens; below zero when rollbacks borrowed.
    pub tokens: f64,
    /// When that was so.
    pub at: BootTime,
}

impl Bucket {
    /// A full one, as a store without a row has it.
    #[must_use]
    pub const fn full(key: BudgetKey, now: BootTime) -> Self {
        Self { tokens: rule(key).burst, at: now }
    }

    /// With what came back since. A moment of another boot, which may lie ahead, counts as now.
    #[must_use]
    pub fn refilled(self, key: BudgetKey, now: BootTime) -> Self {
        let rule = rule(key);
        let secs = precise(now.since(self.at)) / 1_000.0;
        Self { tokens: rule.refill_per_sec.mul_add(secs, self.tokens).min(rule.burst), at: now }
    }

    /// After a throttling answer: what screens may use is gone, so that they wait for it to come back while drivers go on.
    #[must_use]
    pub fn throttled(self, key: BudgetKey, now: BootTime) -> Self {
        let refilled = self.refilled(key, now);
        Self { tokens: refilled.tokens.min(rule(key).floor(Priority::DriverRead) + 1.0), ..refilled }
    }

    fn wait(self, key: BudgetKey, priority: Priority) -> Millis {
        let rule = rule(key);
        let missing = rule.floor(priority) + 1.0 - self.tokens;
        if priority == Priority::RollbackWrite || missing <= 0.0 {
            return Millis::ZERO;
        }
        whole_millis(missing / rule.refill_per_sec * 1_000.0)
    }
}

/// Takes one token out of each of `buckets` (those of [`BudgetKey::drawn_from`]), or none at all: the answer is how long to wait before
/// asking again, zero for go. All buckets come back refilled to `now`.
pub fn take(buckets: &mut [(BudgetKey, Bucket)], now: BootTime, priority: Priority) -> Millis {
    for (key, bucket) in &mut *buckets {
        *bucket = bucket.refilled(*key, now);
    }
    let wait = buckets.iter().map(|(key, bucket)| bucket.wait(*key, priority)).max().unwrap_or(Millis::ZERO);
    if wait == Millis::ZERO {
        for (key, bucket) in &mut *buckets {
            // A debt has a bottom, or a storm of rollbacks would silence every screen for minutes.
            bucket.tokens = (bucket.tokens - 1.0).max(-rule(*key).burst);
        }
    }
    wait
}

#[expect(clippy::cast_precision_loss, reason = "a span of milliseconds is far below 2^52")]
const fn precise(span: Millis) -> f64 {
    span.0 as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a wait is positive and at most minutes")]
fn whole_millis(millis: f64) -> Millis {
    Millis(millis.ceil().clamp(1.0, 600_000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(bucket: &mut [(BudgetKey, Bucket)], now: BootTime, priority: Priority) -> u32 {
        (0..200).take_while(|_| take(bucket, now, priority) == Millis::ZERO).count().try_into().unwrap()
    }

    #[test]
    fn polling_leaves_the_elb_reserve_to_writes() {
        let now = BootTime(1_000);
        let mut elb = [(BudgetKey::Elb, Bucket::full(BudgetKey::Elb, now))];
        assert_eq!(drain(&mut elb, now, Priority::Rest), 8);
        assert_eq!(drain(&mut elb, now, Priority::VisibleFleets), 4);
        assert_eq!(drain(&mut elb, now, Priority::OpenedFleet), 4);
        assert_eq!(drain(&mut elb, now, Priority::DriverRead), 4);
        assert_eq!(drain(&mut elb, now, Priority::Write), 20);
        assert_eq!(take(&mut elb, now, Priority::RollbackWrite), Millis::ZERO, "a rollback never waits");
    }

    #[test]
    fn a_weight_write_pays_twice_or_not_at_all() {
        let now = BootTime(0);
        let mut buckets = [(BudgetKey::ElbWrite, Bucket { tokens: 0.0, at: now }), (BudgetKey::Elb, Bucket { tokens: 5.0, at: now })];
        assert_eq!(take(&mut buckets, now, Priority::Write), Millis(334));
        assert!((buckets[1].1.tokens - 5.0).abs() < 1e-9);
        assert_eq!(take(&mut buckets, BootTime(334), Priority::Write), Millis::ZERO);
        assert!(buckets[0].1.tokens < 1.0 && buckets[1].1.tokens < 5.1);
    }

    #[test]
    fn throttling_stops_screens_and_not_drivers() {
        let now = BootTime(0);
        let mut elb = [(BudgetKey::Elb, Bucket::full(BudgetKey::Elb, now).throttled(BudgetKey::Elb, now))];
        assert!(take(&mut elb, now, Priority::OpenedFleet) > Millis::ZERO);
        assert_eq!(take(&mut elb, now, Priority::DriverRead), Millis::ZERO);
    }

    #[test]
    fn a_moment_of_another_boot_does_not_freeze_the_bucket() {
        let late = Bucket { tokens: 0.0, at: BootTime(9_000_000) };
        let now = late.refilled(BudgetKey::Elb, BootTime(5));
        assert_eq!(now.at, BootTime(5));
        assert!(now.refilled(BudgetKey::Elb, BootTime(1_005)).tokens > 2.9);
    }

    proptest! {
        #[test]
        fn reads_never_touch_the_reserve_and_waiting_as_told_is_enough(gaps in prop::collection::vec((0_u64..2_000, 2_usize..6), 1..200)) {
            let kinds = [Priority::RollbackWrite, Priority::Write, Priority::DriverRead, Priority::OpenedFleet, Priority::VisibleFleets, Priority::Rest];
            let mut now = BootTime(0);
            let mut elb = [(BudgetKey::Elb, Bucket::full(BudgetKey::Elb, now))];
            for (gap, kind) in gaps {
                now = now.plus(Millis(gap));
                let wait = take(&mut elb, now, kinds[kind]);
                if wait > Millis::ZERO {
                    now = now.plus(wait);
                    prop_assert_eq!(take(&mut elb, now, kinds[kind]), Millis::ZERO);
                }
                prop_assert!(elb[0].1.tokens >= 20.0 - 1e-6);
            }
        }
    }
}
