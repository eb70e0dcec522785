//! What CloudWatch would tell of a target group minute by minute: latency and unhealthy targets. Crowding does not slow these down.

use super::World;
use super::draw;
use super::state::{Spell, TargetGroup, Tick};
use super::traffic::MINUTE;
use crate::domain::analysis::Measure;
use crate::domain::fleet::{BySlot, Slot};
use crate::domain::ids::TargetGroupArn;
use crate::domain::metrics::{MetricsAsk, MetricsSeen};
use crate::domain::reading::Reading;
use crate::domain::series::{Finite, Point, Series, SeriesReading};
use crate::domain::time::WorldTime;

/// How long it is remembered how servers answered.
const MEMORY: Tick = 4 * 3_600;
/// The 99th percentile of a latency over its mean.
const TAIL: f64 = 3.0;

impl TargetGroup {
    /// Takes down how its servers answer from this tick on, if that is news.
    pub(super) fn note(&mut self, spell: Spell) {
        let same = self.spells.last().is_some_and(|last| (last.p99_ms, last.unhealthy) == (spell.p99_ms, spell.unhealthy));
        if same {
            return;
        }
        let oldest = spell.from - MEMORY;
        let gone = self.spells.iter().skip(1).take_while(|next| next.from <= oldest).count();
        self.spells.drain(..gone);
        self.spells.push(spell);
    }

    /// The mean of something over the ticks after `from` up to `to` that it is known of.
    fn mean(&self, from: Tick, to: Tick, of: impl Fn(&Spell) -> Option<u32>) -> Option<f64> {
        let ends = self.spells.iter().skip(1).map(|next| next.from).chain([Tick::MAX]);
        let (mut sum, mut ticks) = (0.0, 0_u32);
        for (spell, end) in self.spells.iter().zip(ends) {
            let known = of(spell).zip(u32::try_from(end.min(to) - spell.from.max(from)).ok().filter(|ticks| *ticks > 0));
            if let Some((value, span)) = known {
                sum += f64::from(value) * f64::from(span);
                ticks += span;
            }
        }
        (ticks > 0).then(|| sum / f64::from(ticks))
    }
}

impl World {
    /// Series of each slot's target group, a point a minute; what only Prometheus could tell is unknown.
    #[must_use]
    pub fn measure(&self, ask: &MetricsAsk) -> MetricsSeen {
        let away = self.credentials_gone().map(ToOwned::to_owned).or_else(|| self.turned_away("GetMetricData"));
        let reading = |measure: &Measure, slot: Slot| match (&away, ask.scope.target_group(slot)) {
            (Some(why), _) => SeriesReading::unknown(why.as_str()),
            (None, None) => SeriesReading::unknown("it has no target group"),
            (None, Some(target_group)) => Reading::known(self.series(target_group, measure, ask.since), self.now()),
        };
        let asked = ask.analysis.series().filter(|metric| metric.measure.is_of_load_balancer());
        let series = asked.map(|metric| (metric.name.clone(), BySlot::from_fn(|slot| reading(&metric.measure, slot)))).collect();
        MetricsSeen { at: self.now(), series, counts: None }
    }

    fn series(&self, target_group: &TargetGroupArn, measure: &Measure, since: WorldTime) -> Series {
        let Some(group) = self.target_groups.get(target_group) else { return Series::default() };
        let first = Tick::try_from(since.since(self.start).as_secs()).unwrap_or(Tick::MAX).div_euclid(MINUTE);
        let thing = draw::mix(draw::fnv(target_group.as_str().as_bytes()));
        let point = |minute: Tick| {
            let wobble = 1.0 + 0.04 * draw::noise(self.seed, minute, thing);
            let of = |of: fn(&Spell) -> Option<u32>| group.mean(minute * MINUTE, (minute + 1) * MINUTE, of);
            let value = match measure {
                Measure::LatencyP99 => of(|spell| spell.p99_ms).map(|p99| p99 * wobble),
                Measure::LatencyMean => of(|spell| spell.p99_ms).map(|p99| p99 / TAIL * wobble),
                Measure::Unhealthy => of(|spell| Some(spell.unhealthy)),
                Measure::Errors | Measure::Prometheus(_) => None,
            };
            Point { at: self.moment((minute + 1) * MINUTE), value: value.and_then(Finite::new) }
        };
        Series((first..self.tick.div_euclid(MINUTE)).map(point).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::{Analysis, Metric, MetricName};
    use crate::domain::time::Millis;
    use crate::world::Scenario;

    #[test]
    fn a_serving_group_has_a_point_a_minute_and_one_without_traffic_has_gaps() {
        let start = WorldTime(1_780_000_000_000);
        let mut world = World::new(Scenario::Default, 1, start);
        world.advance(start.plus(Millis::mins(30)));
        let spec = world.fleet_specs().into_iter().find(|spec| spec.name.as_str() == "web-prod").unwrap();
        let name = MetricName::new("p99").unwrap();
        let metrics = vec![Metric::new(name.clone(), Measure::LatencyP99)];
        let analysis = Analysis { metrics, ..Analysis::default() };
        let seen = world.measure(&MetricsAsk { scope: spec.scope(), analysis, since: start.plus(Millis::mins(10)) });
        let of = |slot| seen.series(&name, slot).unwrap().value().unwrap().clone();
        assert_eq!((of(Slot::A).0.len(), of(Slot::A).measured(), of(Slot::B).measured()), (20, 20, 0));
        let mean = of(Slot::A).values().sum::<f64>() / 20.0;
        assert!((mean - 190.0).abs() < 40.0, "{mean}");
        assert_eq!(of(Slot::A).newest(), Some(start.plus(Millis::mins(30))));
    }
}
