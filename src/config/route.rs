//! `route = { … }`: the place of the weights and the target groups.

use std::ops::Range;

use super::reader::{Reader, Section};
use crate::domain::fleet::{BySlot, Groups, Route, RoutePlace};
use crate::domain::ids::{PlaceArn, TargetGroupArn};

const KEYS: [&str; 3] = ["rule", "listener", "target_groups"];
const EXPECTED: &str = "a table such as { rule = \"arn:…\", target_groups = [\"arn:…\", \"arn:…\"] }";

/// What kind of thing an ARN should name.
#[derive(Clone, Copy)]
enum Kind {
    Rule,
    Listener,
    TargetGroup,
}

impl Kind {
    const fn part(self) -> &'static str {
        match self {
            Self::Rule => "listener-rule",
            Self::Listener => "listener",
            Self::TargetGroup => "targetgroup",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Rule => "the ARN of a listener rule (arn:…:listener-rule/…)",
            Self::Listener => "the ARN of a listener (arn:…:listener/…)",
            Self::TargetGroup => "the ARN of a target group (arn:…:targetgroup/…)",
        }
    }
}

/// The route of a fleet, with where its place stands; none without one.
pub(super) fn route(reader: &mut Reader<'_>, fleet: &Section<'_, '_>, groups: Option<&Groups>) -> Option<(Route, Range<usize>)> {
    let section = reader.table(fleet, "route", EXPECTED)?;
    reader.only(&section, &KEYS);
    let place = place(reader, &section);
    let target_groups = target_groups(reader, &section)?;
    let route = assemble(reader, &section, place?, &target_groups, groups)?;
    Some((route, section.span))
}

/// The rule or listener, none where neither is named; nothing at all after a mistake.
fn place(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Option<RoutePlace>> {
    let rule = section.table.contains_key("rule").then(|| arn(reader, section, "rule", Kind::Rule));
    let listener = section.table.contains_key("listener").then(|| arn(reader, section, "listener", Kind::Listener));
    match (rule, listener) {
        (None, None) => Some(None),
        (Some(rule), None) => Some(Some(RoutePlace::Rule(PlaceArn::new(rule?)))),
        (None, Some(listener)) => Some(Some(RoutePlace::Listener(PlaceArn::new(listener?)))),
        (Some(_), Some(_)) => {
            reader.mistake(&section.span, format!("{}: both 'rule' and 'listener': expected the one that holds the weights", section.name));
            None
        }
    }
}

fn arn(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, kind: Kind) -> Option<String> {
    let (text, span) = reader.string(section, key, kind.words())?;
    checked(reader, section, key, kind, text, &span)
}

fn checked(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &str, kind: Kind, text: String, span: &Range<usize>) -> Option<String> {
    if is_arn(&text, kind) {
        return Some(text);
    }
    reader.mistake(span, format!("{}: '{key}' is \"{text}\": expected {}", section.name, kind.words()));
    None
}

/// `arn:PARTITION:elasticloadbalancing:REGION:ACCOUNT:KIND/…`, without anything a terminal would obey.
fn is_arn(text: &str, kind: Kind) -> bool {
    let mut parts = text.splitn(6, ':');
    let head = parts.next() == Some("arn") && parts.next().is_some_and(|partition| partition.starts_with("aws"));
    let service = parts.next() == Some("elasticloadbalancing");
    let (region, account, resource) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let placed = region.is_some_and(|region| !region.is_empty()) && account.is_some_and(super::fleets::is_account);
    let named = resource.split_once('/').is_some_and(|(found, rest)| found == kind.part() && !rest.is_empty());
    head && service && placed && named && text.chars().all(|c| c.is_ascii_graphic())
}

fn target_groups(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Option<Vec<TargetGroupArn>> {
    let expected = "a list of ARNs of target groups, one a slot";
    if !section.table.contains_key("target_groups") {
        reader.mistake(&section.span, format!("{}: no 'target_groups': expected {expected}", section.name));
        return None;
    }
    let named = reader.strings(section, "target_groups", expected)?;
    let wanted = named.len();
    let arns: Vec<TargetGroupArn> = named
        .into_iter()
        .filter_map(|(text, span)| checked(reader, section, "target_groups", Kind::TargetGroup, text, &span))
        .map(TargetGroupArn::new)
        .collect();
    (arns.len() == wanted).then_some(arns)
}

fn assemble(
    reader: &mut Reader<'_>,
    section: &Section<'_, '_>,
    place: Option<RoutePlace>,
    target_groups: &[TargetGroupArn],
    groups: Option<&Groups>,
) -> Option<Route> {
    let one_group = matches!(groups, Some(Groups::One(_)));
    let what = match (place, target_groups) {
        (Some(_), [a, b]) if a == b => "both target groups are the same: expected one a slot".to_owned(),
        (Some(_), [_, _]) if one_group => "weights need two server groups: expected 'slots' instead of 'group'".to_owned(),
        (Some(place), [a, b]) => return Some(Route::Weighted { place, target_groups: BySlot { a: a.clone(), b: b.clone() } }),
        (Some(_), other) => format!("{} target groups: expected two, one a slot", other.len()),
        (None, [one]) => return Some(Route::Attached { target_group: one.clone() }),
        (None, [_, _]) => "two target groups and no place of their weights: expected 'rule' or 'listener'".to_owned(),
        (None, other) => format!("{} target groups: expected two with a 'rule' or 'listener', or the one all groups share", other.len()),
    };
    reader.mistake(&section.span, format!("{}: {what}", section.name));
    None
}
