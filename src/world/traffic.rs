//! Requests and errors: demand, the share each target group really gets, and what its servers make of it.

use std::collections::BTreeMap;

use super::World;
use super::draw;
use super::state::{Behaviour, MILLION, Phase, Place, Settling, Spell, Target, TargetGroup, Tick, Vigour};
use crate::domain::group::count;
use crate::domain::ids::{ImageId, PlaceArn, TargetGroupArn};
use crate::domain::traffic::Counts;

/// A minute, in ticks: how long a rate stays the same unless something happens.
pub(super) const MINUTE: Tick = 60;
/// An image nobody knows any more behaves like this.
const ORDINARY: Behaviour = Behaviour { vigour: Vigour::Sound, error_ppm: 2_000, p99_ms: 200 };

/// What the servers of a target group make of a request.
#[derive(Clone, Copy)]
struct Quality {
    /// Servers that answer.
    healthy: u64,
    /// Errors in a million requests, below the limit of what the servers can answer.
    error_ppm: u64,
    p99_ms: u64,
    /// Servers that fail their checks.
    unhealthy: u32,
}

/// One stream of requests: a place, a target group, what it gets and who answers.
struct Stream {
    target_group: TargetGroupArn,
    thing: u64,
    share: u64,
    server_rps: u64,
    rps: u64,
    place_thing: u64,
    quality: Quality,
}

impl Stream {
    /// Requests and errors a second in this minute, in millionths.
    fn rates(&self, seed: u64, minute: Tick) -> (u64, u64) {
        let demand = self.rps * demand_ppm(seed, minute, self.place_thing);
        let requests = demand / 1_000 * self.share / (MILLION / 1_000);
        let errors = if self.quality.healthy == 0 { requests } else { self.errors(seed, minute, requests) };
        (requests, errors.min(requests))
    }

    /// How it is answered from this tick on.
    fn spell(&self, from: Tick) -> Spell {
        let serves = self.share > 0 && self.quality.healthy > 0;
        let p99_ms = u32::try_from(self.quality.p99_ms).ok().filter(|_| serves);
        Spell { from, p99_ms, unhealthy: self.quality.unhealthy }
    }

    fn errors(&self, seed: u64, minute: Tick, requests: u64) -> u64 {
        let limit = self.quality.healthy * self.server_rps * MILLION;
        let (answered, refused) = (requests.min(limit), requests.saturating_sub(limit));
        let per_minute = to_f64(answered / 1_000 * self.quality.error_ppm / 1_000) * 60.0 / to_f64(MILLION);
        let drawn = per_minute + per_minute.sqrt() * draw::noise(seed, minute, self.thing);
        refused + from_f64(drawn * to_f64(MILLION) / 60.0)
    }
}

impl World {
    /// Counts requests and errors of the ticks after `from` up to `to`, during which nothing else happened.
    pub(super) fn count_traffic(&mut self, from: Tick, to: Tick) {
        let streams = self.streams();
        for stream in &streams {
            let (mut requests, mut errors, mut at) = (0_u64, 0_u64, from);
            while at < to {
                let minute = at.div_euclid(MINUTE);
                let end = ((minute + 1) * MINUTE).min(to);
                let (requests_u, errors_u) = stream.rates(self.seed, minute);
                let ticks = (end - at).unsigned_abs();
                requests += requests_u * ticks;
                errors += errors_u * ticks;
                at = end;
            }
            if let Some(target_group) = self.target_groups.get_mut(&stream.target_group) {
                target_group.requests_u += requests;
                target_group.errors_u += errors;
                target_group.note(stream.spell(from));
            }
        }
    }

    fn streams(&self) -> Vec<Stream> {
        let qualities = self.qualities();
        self.places
            .iter()
            .flat_map(|(arn, place)| place.effective.iter().map(|(group, share)| stream(arn, place, group, *share, &qualities)))
            .collect()
    }

    /// Requests and errors a second at a place in this minute, in millionths.
    pub(super) fn rates_at(&self, arn: &PlaceArn) -> (u64, u64) {
        let Some(place) = self.places.get(arn) else { return (0, 0) };
        let (qualities, minute) = (self.qualities(), self.tick.div_euclid(MINUTE));
        let streams = place.effective.iter().map(|(group, share)| stream(arn, place, group, *share, &qualities));
        let rates = streams.map(|stream| stream.rates(self.seed, minute));
        rates.fold((0, 0), |(requests, errors), (more, failed)| (requests + more, errors + failed))
    }

    fn qualities(&self) -> BTreeMap<TargetGroupArn, Quality> {
        self.target_groups.keys().map(|arn| (arn.clone(), self.quality(arn))).collect()
    }

    fn quality(&self, target_group: &TargetGroupArn) -> Quality {
        let groups = self.groups.values().filter(|group| group.target_group.as_ref() == Some(target_group));
        let in_service = groups.flat_map(|group| &group.servers).filter(|server| matches!(server.phase, Phase::InService(_)));
        let unhealthy = count(in_service.clone().filter(|server| server.target == Target::Unhealthy));
        let healthy = in_service.filter(|server| server.target == Target::Healthy);
        let (mut servers, mut error_ppm, mut p99_ms) = (0_u64, 0_u64, 0_u64);
        for server in healthy {
            let behaviour = self.behaviour(&server.image);
            servers += 1;
            error_ppm += u64::from(behaviour.error_ppm);
            p99_ms += u64::from(behaviour.p99_ms);
        }
        let mean = |sum: u64| sum.checked_div(servers).unwrap_or(0);
        Quality { healthy: servers, error_ppm: mean(error_ppm), p99_ms: mean(p99_ms), unhealthy }
    }

    fn behaviour(&self, image: &ImageId) -> Behaviour {
        self.images.get(image).map_or(ORDINARY, |record| record.behaviour)
    }

    /// Requests and errors of a target group since the world began, and its latency in this minute; none if there is no such group.
    #[must_use]
    pub fn counts(&self, target_group: &TargetGroupArn) -> Option<Counts> {
        let TargetGroup { requests_u, errors_u, .. } = self.target_groups.get(target_group)?;
        Some(Counts { requests: requests_u / MILLION, errors: errors_u / MILLION, p99_ms: self.p99(target_group) })
    }

    fn p99(&self, target_group: &TargetGroupArn) -> Option<u32> {
        let minute = self.tick.div_euclid(MINUTE);
        let quality = self.quality(target_group);
        let shares = self.places.iter().filter_map(|(arn, place)| {
            let share = *place.effective.get(target_group)?;
            Some(stream(arn, place, target_group, share, &BTreeMap::from([(target_group.clone(), quality)])))
        });
        let busiest = shares.max_by_key(|stream| stream.share).filter(|stream| stream.share > 0 && quality.healthy > 0)?;
        let load = busiest.rates(self.seed, minute).0 / (quality.healthy * busiest.server_rps * 1_000).max(1);
        let crowded = if load > 900 { 4.0 } else { 1.0 };
        let wobble = 1.0 + 0.04 * draw::noise(self.seed, minute, draw::mix(busiest.thing));
        u32::try_from(from_f64(to_f64(quality.p99_ms) * crowded * wobble)).ok()
    }

    /// The share of its place's traffic that a target group really gets now, 0–1; none if nothing forwards to it.
    #[must_use]
    pub fn effective_share(&self, target_group: &TargetGroupArn) -> Option<f64> {
        let share = self.places.values().find_map(|place| place.effective.get(target_group))?;
        Some(to_f64(*share) / to_f64(MILLION))
    }

    /// Lets weights move on towards what they were set to.
    pub(super) fn settle_weights(&mut self) {
        let now = self.tick;
        for place in self.places.values_mut() {
            let Some(Settling { from, start, end }) = place.settling.clone() else { continue };
            let wanted = place.wanted();
            if now >= end {
                place.effective = wanted;
                place.settling = None;
            } else if now > start {
                place.effective = between(&from, &wanted, (now - start).unsigned_abs(), (end - start).unsigned_abs());
            }
        }
    }
}

fn stream(arn: &PlaceArn, place: &Place, group: &TargetGroupArn, share: u64, qualities: &BTreeMap<TargetGroupArn, Quality>) -> Stream {
    let quality = qualities.get(group).copied().unwrap_or(Quality { healthy: 0, error_ppm: 0, p99_ms: 0, unhealthy: 0 });
    Stream {
        target_group: group.clone(),
        thing: draw::fnv(group.as_str().as_bytes()),
        share,
        server_rps: u64::from(place.server_rps),
        rps: u64::from(place.rps),
        place_thing: draw::fnv(arn.as_str().as_bytes()),
        quality,
    }
}

/// Shares `step` of `steps` on the way.
fn between(from: &BTreeMap<TargetGroupArn, u64>, to: &BTreeMap<TargetGroupArn, u64>, step: u64, steps: u64) -> BTreeMap<TargetGroupArn, u64> {
    let mut shares = BTreeMap::new();
    for arn in from.keys().chain(to.keys()) {
        let (old, new) = (from.get(arn).copied().unwrap_or(0), to.get(arn).copied().unwrap_or(0));
        shares.insert(arn.clone(), (old * steps.saturating_sub(step) + new * step) / steps.max(1));
    }
    shares
}

/// The demand of a minute against the average, in millionths: 15 % up and down over the day, and 2 % of noise.
fn demand_ppm(seed: u64, minute: Tick, place: u64) -> u64 {
    let minute_of_day = minute.rem_euclid(1_440);
    let hill = 720 - (minute_of_day - 720).abs();
    let day = 850_000 + u64::try_from(hill).unwrap_or(0) * 300_000 / 720;
    day.saturating_add_signed(i64::try_from(from_f64(20_000.0 * (draw::noise(seed, minute, place) + 4.0))).unwrap_or(80_000) - 80_000)
}

/// Counts here stay far below 2^53, where every whole number is a float.
#[expect(clippy::cast_precision_loss, reason = "rates and shares are far below 2^53")]
const fn to_f64(whole: u64) -> f64 {
    whole as f64
}

/// The whole part; nothing below zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, which is what is meant")]
const fn from_f64(number: f64) -> u64 {
    number as u64
}
