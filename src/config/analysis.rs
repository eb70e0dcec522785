//! The `analysis` section of a fleet: what its canaries are judged by.

use std::collections::BTreeMap;

use super::reader::{Reader, Section};
use crate::domain::analysis::{Analysis, Bounds, Direction, Effect, Measure, Metric, MetricName, Missing, OnFail, Outliers, http_address};
use crate::domain::series::Finite;
use crate::domain::suggest::nearest;
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::Millis;

const KEYS: [&str; 9] = ["metrics", "weights", "pass", "marginal", "on_fail", "interval", "prometheus", "prometheus_ca", "prometheus_token"];
const METRIC: [&str; 15] = [
    "name",
    "group",
    "measure",
    "query",
    "direction",
    "missing",
    "outliers",
    "effect",
    "allowed_increase",
    "allowed_decrease",
    "critical_increase",
    "critical_decrease",
    "critical",
    "must_have_data",
    "muted",
];
const MEASURES: [&str; 5] = ["errors", "latency-p99", "latency-mean", "unhealthy", "prometheus"];
/// Shorter intervals than this are noise and load.
const SHORTEST_INTERVAL: Millis = Millis::secs(5);
/// CloudWatch has a point a minute of a load balancer, and is asked once a minute.
const LOAD_BALANCER_INTERVAL: Millis = Millis::secs(60);
/// More metrics than this fit on no screen and into no budget.
const MOST: usize = 100;

/// Reads the section; a fleet without one is judged by its errors where somebody counts them.
pub(super) fn analysis(reader: &mut Reader<'_>, fleet: &Section<'_, '_>) -> Option<Analysis> {
    let found = reader.table(fleet, "analysis", "a section such as [fleet.web-prod.analysis]")?;
    let section = Section { name: format!("{} analysis", fleet.name), ..found };
    reader.only(&section, &KEYS);
    let bare = Analysis::default();
    let percent = |reader: &mut Reader<'_>, key: &str| reader.number(&section, key, 0..=100, "a whole number from 0 to 100");
    let (pass, marginal) = (percent(reader, "pass").unwrap_or(bare.pass), percent(reader, "marginal").unwrap_or(bare.marginal));
    if marginal >= pass {
        reader.mistake(&section.span, format!("{}: 'marginal' is {marginal} and 'pass' {pass}: expected marginal below pass", section.name));
    }
    let prometheus = reader.string(&section, "prometheus", "an address such as \"http://127.0.0.1:9090\"");
    if let Some((url, span)) = &prometheus
        && let Err(why) = http_address(url)
    {
        reader.mistake(span, format!("{}: 'prometheus': {why}", section.name));
    }
    let is_tls = prometheus.as_ref().is_some_and(|(url, _)| http_address(url).is_ok_and(|address| address.is_tls));
    let analysis = Analysis {
        prometheus_ca: tls_file(reader, &section, "prometheus_ca", is_tls),
        prometheus_token: tls_file(reader, &section, "prometheus_token", is_tls),
        metrics: metrics(reader, &section),
        weights: weights(reader, &section),
        pass,
        marginal,
        on_fail: word(reader, &section, "on_fail", &[("back-out", OnFail::BackOut), ("hold", OnFail::Hold)]).unwrap_or_default(),
        interval: reader.duration(&section, "interval", SHORTEST_INTERVAL).unwrap_or(bare.interval),
        prometheus: prometheus.map(|(url, _)| url.into()),
    };
    fits_together(reader, &section, &analysis);
    Some(analysis)
}

/// The absolute path of a file that makes sense only for `https://`: a token would be read by anybody on the way.
fn tls_file(reader: &mut Reader<'_>, section: &Section<'_, '_>, key: &'static str, is_tls: bool) -> Option<Untrusted> {
    let (path, span) = reader.string(section, key, "the absolute path of a file")?;
    if !path.starts_with('/') {
        let shown = escape(&path);
        reader.mistake(&span, format!("{}: '{key}' is '{shown}': expected the absolute path of a file", section.name));
    } else if !is_tls {
        reader.mistake(&span, format!("{}: '{key}' is for TLS alone: expected 'prometheus' to begin with https://", section.name));
    }
    Some(path.into())
}

/// What each part may be only beside others.
fn fits_together(reader: &mut Reader<'_>, section: &Section<'_, '_>, analysis: &Analysis) {
    let queried = analysis.metrics.iter().find(|metric| !metric.measure.is_of_load_balancer());
    if let (Some(metric), None) = (queried, &analysis.prometheus) {
        let what = format!("{}: '{}' asks Prometheus: expected its address, prometheus = \"http://127.0.0.1:9090\"", section.name, metric.name);
        reader.mistake(&section.span, what);
    }
    let balanced = analysis.metrics.iter().find(|metric| metric.measure.is_of_load_balancer());
    if let Some(metric) = balanced.filter(|_| analysis.interval < LOAD_BALANCER_INTERVAL) {
        let what = format!(
            "{}: 'interval' is {} and '{}' comes from the load balancer, which has a point a minute: expected at least 60s",
            section.name, analysis.interval, metric.name
        );
        reader.mistake(&section.span, what);
    }
    let groups: Vec<&str> = analysis.metrics.iter().map(|metric| metric.group.as_str()).collect();
    for group in analysis.weights.keys().filter(|group| !groups.contains(&group.as_str())) {
        let near = nearest(group.as_str(), groups.iter().copied()).map_or_else(String::new, |near| format!(" (did you mean '{near}'?)"));
        reader.mistake(&section.span, format!("{}: 'weights' names the group '{group}', and no metric is in it{near}", section.name));
    }
    let sum: u32 = analysis.weights.values().sum();
    if sum > 100 {
        reader.mistake(&section.span, format!("{}: 'weights' come to {sum}: expected at most 100", section.name));
    }
}

fn metrics(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> Vec<Metric> {
    let expected = "tables such as { name = \"p99\", measure = \"latency-p99\", allowed_increase = 1.2 }";
    let Some(tables) = reader.tables(section, "metrics", expected) else { return Vec::new() };
    if tables.len() > MOST {
        reader.mistake(&section.span, format!("{}: {} metrics: expected at most {MOST}", section.name, tables.len()));
    }
    let mut metrics: Vec<Metric> = Vec::new();
    for table in &tables {
        let Some(read) = metric(reader, table) else { continue };
        if metrics.iter().any(|other| other.name == read.name) {
            reader.mistake(&table.span, format!("{}: there are two metrics '{}': expected each name once", table.name, read.name));
        }
        if read.is_counted() && metrics.iter().any(Metric::is_counted) {
            reader.mistake(&table.span, format!("{}: a second metric with measure \"errors\": expected one", table.name));
        }
        metrics.push(read);
    }
    metrics
}

fn metric(reader: &mut Reader<'_>, table: &Section<'_, '_>) -> Option<Metric> {
    reader.only(table, &METRIC);
    let name = name(reader, table, "name");
    let measure = measure(reader, table);
    if !table.table.contains_key("name") {
        reader.mistake(&table.span, format!("{}: no 'name': expected {}", table.name, MetricName::EXPECTED));
    }
    let effect = word(reader, table, "effect", &[("mean-ratio", Effect::MeanRatio), ("cles", Effect::Cles)]).unwrap_or_default();
    let any = Bounds::any(effect);
    let bound = |reader: &mut Reader<'_>, key: &str| reader.decimal(table, key, "a number such as 1.2").filter(|bound| *bound >= Finite::ZERO);
    let allowed = Bounds {
        increase: bound(reader, "allowed_increase").unwrap_or(any.increase),
        decrease: bound(reader, "allowed_decrease").unwrap_or(any.decrease),
    };
    let critical_bounds = Bounds {
        increase: bound(reader, "critical_increase").unwrap_or(allowed.increase),
        decrease: bound(reader, "critical_decrease").unwrap_or(allowed.decrease),
    };
    let directions = [("increase", Direction::Increase), ("decrease", Direction::Decrease), ("either", Direction::Either)];
    let direction = word(reader, table, "direction", &directions).unwrap_or_default();
    let missing = word(reader, table, "missing", &[("remove", Missing::Remove), ("zero", Missing::Zero)]).unwrap_or_default();
    let outliers = word(reader, table, "outliers", &[("keep", Outliers::Keep), ("remove", Outliers::Remove)]).unwrap_or_default();
    let flag = |reader: &mut Reader<'_>, key: &str| reader.boolean(table, key).unwrap_or(false);
    let (critical, must_have_data, muted) = (flag(reader, "critical"), flag(reader, "must_have_data"), flag(reader, "muted"));
    let group = self::name(reader, table, "group");
    let bare = Metric::new(name?, measure?);
    Some(Metric {
        group: group.unwrap_or_else(|| bare.group.clone()),
        direction,
        missing,
        outliers,
        effect,
        allowed,
        critical_bounds,
        critical,
        must_have_data,
        muted,
        ..bare
    })
}

fn measure(reader: &mut Reader<'_>, table: &Section<'_, '_>) -> Option<Measure> {
    let query = reader.string(table, "query", "a query such as 'avg(cpu{group=\"$group\"})'");
    let expected = "\"errors\", \"latency-p99\", \"latency-mean\", \"unhealthy\", or a 'query' for Prometheus";
    let Some((text, span)) = reader.string(table, "measure", expected) else {
        if query.is_none() {
            reader.mistake(&table.span, format!("{}: neither 'measure' nor 'query': expected {expected}", table.name));
        }
        return query.map(|(query, _)| Measure::Prometheus(query.into()));
    };
    match (text.as_str(), query) {
        ("prometheus", Some((query, _))) => Some(Measure::Prometheus(query.into())),
        ("errors", None) => Some(Measure::Errors),
        ("latency-p99", None) => Some(Measure::LatencyP99),
        ("latency-mean", None) => Some(Measure::LatencyMean),
        ("unhealthy", None) => Some(Measure::Unhealthy),
        (known, Some(_)) if MEASURES.contains(&known) => {
            reader.mistake(&span, format!("{}: both measure \"{known}\" and 'query': expected one of them", table.name));
            None
        }
        _ => {
            let near = nearest(&text, MEASURES.into_iter()).map_or_else(String::new, |near| format!(" (did you mean \"{near}\"?)"));
            reader.mistake(&span, format!("{}: 'measure' is \"{text}\": expected {expected}{near}", table.name));
            None
        }
    }
}

fn name(reader: &mut Reader<'_>, table: &Section<'_, '_>, key: &str) -> Option<MetricName> {
    let (text, span) = reader.string(table, key, MetricName::EXPECTED)?;
    let name = MetricName::new(&text);
    if name.is_none() {
        reader.mistake(&span, format!("{}: '{key}' is \"{text}\": expected {}", table.name, MetricName::EXPECTED));
    }
    name
}

fn word<T: Copy>(reader: &mut Reader<'_>, table: &Section<'_, '_>, key: &str, words: &[(&str, T)]) -> Option<T> {
    let expected = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    let (text, span) = reader.string(table, key, &expected)?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        let near = nearest(&text, words.iter().map(|(word, _)| *word)).map_or_else(String::new, |near| format!(" (did you mean \"{near}\"?)"));
        reader.mistake(&span, format!("{}: '{key}' is \"{text}\": expected {expected}{near}", table.name));
    }
    found
}

fn weights(reader: &mut Reader<'_>, section: &Section<'_, '_>) -> BTreeMap<MetricName, u32> {
    let Some(table) = reader.table(section, "weights", "a table such as { errors = 60, latency = 40 }") else { return BTreeMap::new() };
    let mut weights = BTreeMap::new();
    for (key, _) in table.table {
        let text = key.get_ref().as_ref();
        let weight = reader.number(&table, text, 0..=100, "a whole percentage from 0 to 100");
        match (MetricName::new(text), weight) {
            (Some(name), Some(weight)) => drop(weights.insert(name, weight)),
            (None, _) => reader.mistake(&key.span(), format!("{}: '{text}' is no name of a group: expected {}", table.name, MetricName::EXPECTED)),
            (Some(_), None) => {}
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::fleets::parse;

    fn read(section: &str) -> Result<Analysis, String> {
        let text = format!("[fleet.web]\nslots = [\"a\", \"b\"]\n[fleet.web.analysis]\n{section}");
        parse(Path::new("fleets.toml"), &text).map(|file| file.fleets[0].analysis.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fleet_without_a_section_names_no_metric() {
        assert_eq!(read("").unwrap(), Analysis::default());
    }

    #[test]
    fn metrics_are_read_with_their_bounds() {
        let text = r#"
pass = 80
on_fail = "hold"
prometheus = "https://prometheus.internal"
prometheus_ca = "/etc/quarterdeck/ca.pem"
weights = { errors = 60 }
metrics = [
  { name = "errors", measure = "errors", critical = true, allowed_increase = 1.5 },
  { name = "p99", measure = "latency-p99", allowed_increase = 1.2, critical = true, critical_increase = 2 },
  { name = "cpu", query = 'avg(cpu{group="$group"})', direction = "either", outliers = "remove", muted = true },
]"#;
        let analysis = read(text).unwrap();
        assert_eq!((analysis.pass, analysis.on_fail, analysis.metrics.len()), (80, OnFail::Hold, 3));
        let p99 = &analysis.metrics[1];
        assert_eq!([p99.allowed.increase, p99.critical_bounds.increase].map(Finite::get), [1.2, 2.0]);
        assert_eq!((analysis.metrics[2].measure.word(), analysis.metrics[2].muted), ("prometheus", true));
        assert_eq!(analysis.prometheus_ca, Some("/etc/quarterdeck/ca.pem".into()));
        assert_eq!(analysis.weights.values().copied().collect::<Vec<_>>(), [60]);
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_what_was_expected() {
        let told = |section: &str| read(section).unwrap_err();
        assert!(told("passs = 1").contains("did you mean 'pass'?"));
        assert!(told("pass = 50").contains("expected marginal below pass"));
        assert!(told("metrics = [{ name = \"a b\", measure = \"errors\" }]").contains("1 to 24 letters"));
        assert!(told("metrics = [{ name = \"a\", measure = \"latency\" }]").contains("did you mean \"latency-"));
        assert!(told("metrics = [{ name = \"a\" }]").contains("neither 'measure' nor 'query'"));
        assert!(told("metrics = [{ name = \"a\", query = \"up\" }]").contains("expected its address"));
        assert!(told("interval = \"15s\"\nmetrics = [{ name = \"a\", measure = \"errors\" }]").contains("at least 60s"));
        assert!(told("weights = { x = 5 }").contains("no metric is in it"));
        assert!(told("prometheus = \"ftp://x\"").contains("expected one such as http://127.0.0.1:9090"));
        assert!(told("prometheus = \"http://x\"\nprometheus_token = \"/run/token\"").contains("begin with https://"));
        assert!(told("prometheus = \"https://x\"\nprometheus_ca = \"ca.pem\"").contains("expected the absolute path"));
        let twice = "metrics = [{ name = \"a\", measure = \"unhealthy\" }, { name = \"a\", measure = \"latency-p99\" }]";
        assert!(told(twice).starts_with("fleets.toml:4:") && told(twice).contains("each name once"));
    }
}
