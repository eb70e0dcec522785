//! Prometheus as a source of series: range queries over its HTTP interface.
//!
//! Only `http://` is spoken: a Prometheus beyond the host or the private network belongs behind a proxy that ends TLS. An answer is waited for
//! and read within limits; whatever is wrong with it is said and taken for no answer.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::domain::analysis::{Measure, http_address};
use crate::domain::fleet::{BySlot, Slot};
use crate::domain::metrics::{MetricsAsk, MetricsSeen};
use crate::domain::reading::Reading;
use crate::domain::series::{Finite, Point, Series, SeriesReading};
use crate::domain::text::escape;
use crate::domain::time::{Millis, WorldTime};
use crate::ports::metrics::Metrics;

/// How long one query may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const LARGEST: usize = 4 * 1024 * 1024;

/// A Prometheus server.
#[derive(Clone, Debug)]
pub struct Prometheus {
    authority: String,
    prefix: String,
}

impl Prometheus {
    /// The server at this address, such as `http://127.0.0.1:9090` or `http://host:9090/prefix`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the address.
    pub fn at(url: &str) -> Result<Self, String> {
        let (authority, prefix) = http_address(url)?;
        Ok(Self { authority, prefix })
    }

    /// The one series of a query, a point every `step`.
    async fn range(&self, query: &str, since: WorldTime, until: WorldTime, step: Millis) -> Result<Series, String> {
        let (start, end, step) = (seconds(since.0), seconds(until.0), seconds(i64::try_from(step.0).unwrap_or(i64::MAX)));
        let path = format!("{}/api/v1/query_range?query={}&start={start}&end={end}&step={step}", self.prefix, encoded(query));
        match tokio::time::timeout(PATIENCE, self.get(&path)).await {
            Ok(answer) => series(&answer?),
            Err(_) => Err(format!("Prometheus did not answer in {}s", PATIENCE.as_secs())),
        }
    }

    async fn get(&self, path: &str) -> Result<Bytes, String> {
        let away = |error: &dyn std::fmt::Display| format!("Prometheus at {} cannot be asked: {error}", self.authority);
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| away(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| away(&error))?;
        // It ends with the answer, or with `sender`.
        let connection = tokio::spawn(connection);
        let request = Request::get(path).header(header::HOST, &self.authority).body(Empty::<Bytes>::new()).map_err(|error| away(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| away(&error))?;
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| away(&error))?.to_bytes();
        connection.abort();
        Ok(body)
    }
}

#[async_trait]
impl Metrics for Prometheus {
    async fn measure(&self, ask: &MetricsAsk) -> MetricsSeen {
        let now = super::host::wall_now();
        let mut series = Vec::new();
        for metric in ask.analysis.series() {
            let Measure::Prometheus(query) = &metric.measure else { continue };
            let mut sides: BySlot<SeriesReading> = BySlot::from_fn(|_| Reading::unknown("it has no such group"));
            for slot in ask.scope.slots() {
                let group = ask.scope.groups.get(*slot).map_or("", |group| group.as_str());
                let query = query.raw().replace("$group", &quoted(group)).replace("$slot", slot_word(*slot));
                let told = self.range(&query, ask.since, now, ask.analysis.interval).await;
                *sides.get_mut(*slot) = told.map_or_else(Reading::unknown, |series| Reading::known(series, now));
            }
            series.push((metric.name.clone(), sides));
        }
        MetricsSeen { at: now, series, counts: None }
    }
}

const fn slot_word(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "a",
        Slot::B => "b",
    }
}

/// A name inside a quoted string of a query.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'")
}

/// Milliseconds as seconds with three digits, exactly.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}

/// Percent-encoding of everything but unreserved characters (RFC 3986).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Row {
    values: Vec<(f64, String)>,
}

/// The one series of an answer; an empty one where the query found nothing.
fn series(body: &[u8]) -> Result<Series, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| "what answers there is no Prometheus: expected its JSON".to_owned())?;
    let Some(data) = answer.data.filter(|_| answer.status == "success") else {
        return Err(format!("Prometheus refuses the query: {}", escape(&answer.error)));
    };
    if data.kind != "matrix" {
        return Err(format!("the query gives a {}: expected a range of one series", escape(&data.kind)));
    }
    let rows: Vec<Row> = serde_json::from_value(data.result).map_err(|_| "the answer has another shape than a range of series".to_owned())?;
    let [row] = rows.as_slice() else {
        return if rows.is_empty() {
            Ok(Series::default())
        } else {
            Err(format!("the query gives {} series: expected one, such as sum(…)", rows.len()))
        };
    };
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this age of the world; the cast saturates")]
    let point = |(at, value): &(f64, String)| Point { at: WorldTime((at * 1_000.0).round() as i64), value: value.parse().ok().and_then(Finite::new) };
    Ok(Series(row.values.iter().map(point).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_it_is_asked() {
        assert_eq!(Prometheus::at("http://127.0.0.1:9090").unwrap().authority, "127.0.0.1:9090");
        let prefixed = Prometheus::at("http://metrics.internal/prom/").unwrap();
        assert_eq!((prefixed.authority.as_str(), prefixed.prefix.as_str()), ("metrics.internal:80", "/prom"));
        for wrong in ["", "127.0.0.1:9090", "https://x", "http://", "http://a b", "http://x/?q", "http://user@host"] {
            assert!(Prometheus::at(wrong).unwrap_err().contains("expected one such as"), "{wrong}");
        }
    }

    #[test]
    fn one_series_is_read_and_what_is_no_number_is_a_gap() {
        let body =
            br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1.5"],[1700000015.25,"NaN"]]}]}}"#;
        let told = series(body).unwrap();
        assert_eq!(told.0[0], Point { at: WorldTime(1_700_000_000_000), value: Finite::new(1.5) });
        assert_eq!(told.0[1], Point { at: WorldTime(1_700_000_015_250), value: None });
    }

    #[test]
    fn any_other_shape_is_said() {
        let of = |body: &str| series(body.as_bytes()).unwrap_err();
        assert!(of("<html>").contains("no Prometheus"));
        assert!(of(r#"{"status":"error","error":"parse error"}"#).contains("refuses the query: parse error"));
        assert!(of(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#).contains("gives a vector"));
        assert!(of(r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[]},{"values":[]}]}}"#).contains("gives 2 series"));
        assert!(of(r#"{"status":"success","data":{"resultType":"matrix","result":[1]}}"#).contains("another shape"));
        assert_eq!(series(br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#), Ok(Series::default()));
    }

    #[test]
    fn queries_are_encoded_and_names_in_them_quoted() {
        assert_eq!(encoded("a{b=\"c\"}[1m]"), "a%7Bb%3D%22c%22%7D%5B1m%5D");
        assert_eq!((quoted("a\"b\\"), seconds(-1), seconds(1_500)), ("a\\\"b\\\\".to_owned(), "-1.999".to_owned(), "1.500".to_owned()));
    }
}
