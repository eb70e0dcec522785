//! Prometheus as a source of series: range queries over its HTTP interface.
//!
//! An answer is waited for and read within limits; whatever is wrong with it is said and taken for no answer. Over TLS the server proves who it is by a
//! certificate that the host trusts, or an authority of one's own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::tls;
use crate::domain::analysis::{Analysis, HttpAddress, Measure, http_address};
use crate::domain::fleet::{BySlot, Slot};
use crate::domain::metrics::{MetricsAsk, MetricsSeen};
use crate::domain::reading::Reading;
use crate::domain::series::{Finite, Point, Series, SeriesReading};
use crate::domain::text::{Untrusted, escape};
use crate::domain::time::{Millis, WorldTime};
use crate::ports::metrics::Metrics;

/// How long one query may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const LARGEST: usize = 4 * 1024 * 1024;

/// The longest token.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// A Prometheus server.
#[derive(Clone, Debug)]
pub struct Prometheus {
    address: HttpAddress,
    authorities: Option<PathBuf>,
    token: Option<PathBuf>,
}

/// What every query of a round needs, read once for it.
struct Ready {
    /// Whom to believe, where TLS is spoken.
    trust: Option<Arc<ClientConfig>>,
    /// The header that carries the token.
    authorization: Option<HeaderValue>,
}

impl Prometheus {
    /// The server at this address, such as `http://127.0.0.1:9090` or `https://host/prefix`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the address.
    pub fn at(url: &str) -> Result<Self, String> {
        Ok(Self { address: http_address(url)?, authorities: None, token: None })
    }

    /// The server of an analysis.
    ///
    /// # Errors
    /// A sentence that says what is wrong with its address.
    pub fn of(analysis: &Analysis) -> Result<Self, String> {
        let path = |named: &Option<Untrusted>| named.as_ref().map(|path| PathBuf::from(path.raw()));
        let bare = Self::at(analysis.prometheus.as_ref().map_or("", Untrusted::raw))?;
        Ok(Self { authorities: path(&analysis.prometheus_ca), token: path(&analysis.prometheus_token), ..bare })
    }

    /// Reads certificates and token: blocking, and short.
    fn ready(&self) -> Result<Ready, String> {
        let trust = if self.address.is_tls { Some(tls::trust(self.authorities.as_deref())?) } else { None };
        Ok(Ready { trust, authorization: self.token.as_deref().map(bearer).transpose()? })
    }

    /// The one series of a query, a point every `step`.
    async fn range(&self, ready: &Ready, query: &str, since: WorldTime, until: WorldTime, step: Millis) -> Result<Series, String> {
        if since >= until {
            return Err("the time of this world is ahead of real time, and Prometheus knows no other: try --sim-speed 1".to_owned());
        }
        let (start, end, step) = (seconds(since.0), seconds(until.0), seconds(i64::try_from(step.0).unwrap_or(i64::MAX)));
        let path = format!("{}/api/v1/query_range?query={}&start={start}&end={end}&step={step}", self.address.prefix, encoded(query));
        match tokio::time::timeout(PATIENCE, self.get(ready, &path)).await {
            Ok(answer) => series(&answer?),
            Err(_) => Err(format!("Prometheus did not answer in {}s", PATIENCE.as_secs())),
        }
    }

    async fn get(&self, ready: &Ready, path: &str) -> Result<Bytes, String> {
        let authority = &self.address.authority;
        let away = |error: &dyn std::fmt::Display| format!("Prometheus at {authority} cannot be asked: {error}");
        let stream = TcpStream::connect(authority).await.map_err(|error| away(&error))?;
        let mut request = Request::get(path).header(header::HOST, authority).body(Empty::<Bytes>::new()).map_err(|error| away(&error))?;
        if let Some(authorization) = &ready.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        let answer = match &ready.trust {
            None => exchange(stream, request).await,
            Some(trust) => match tls::connect(stream, &self.address.host, Arc::clone(trust)).await {
                Ok(stream) => exchange(stream, request).await,
                Err(error) if error.contains("UnknownIssuer") => Err(format!("{error}: name its authority's file as prometheus_ca")),
                Err(error) => Err(error),
            },
        };
        let (status, body) = answer.map_err(|error| away(&error))?;
        match status.as_u16() {
            401 | 403 => Err(format!("Prometheus at {authority} refuses us: {status}; the file that prometheus_token names has what it asks for")),
            300..=399 => Err(format!("Prometheus at {authority} sends us elsewhere: {status}; name the address where it answers")),
            _ => Ok(body),
        }
    }
}

/// One request and its answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // It ends with the answer, or with `sender`.
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?.to_bytes();
    connection.abort();
    Ok((status, body))
}

/// The header of the token in a file.
fn bearer(file: &Path) -> Result<HeaderValue, String> {
    let shown = escape(&file.display().to_string());
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST_TOKEN).read_to_string(&mut text));
    read.map_err(|error| format!("the token in {shown} cannot be read: {error}"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(format!("there is no token in {shown}"));
    }
    let mut header =
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| format!("{shown} is no token: expected one line of visible characters"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[async_trait]
impl Metrics for Prometheus {
    async fn measure(&self, ask: &MetricsAsk) -> MetricsSeen {
        let now = super::host::wall_now();
        let ready = self.ready();
        let mut series = Vec::new();
        for metric in ask.analysis.series() {
            let Measure::Prometheus(query) = &metric.measure else { continue };
            let mut sides: BySlot<SeriesReading> = BySlot::from_fn(|_| Reading::unknown("it has no such group"));
            for slot in ask.scope.slots() {
                let group = ask.scope.groups.get(*slot).map_or("", |group| group.as_str());
                let query = query.raw().replace("$group", &quoted(group)).replace("$slot", slot_word(*slot));
                let told = match &ready {
                    Ok(ready) => self.range(ready, &query, ask.since, now, ask.analysis.interval).await,
                    Err(why) => Err(why.clone()),
                };
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
        let of = |url: &str| Prometheus::at(url).unwrap().address;
        assert_eq!(of("http://127.0.0.1:9090").authority, "127.0.0.1:9090");
        let prefixed = of("http://metrics.internal/prom/");
        assert_eq!((prefixed.authority.as_str(), prefixed.prefix.as_str(), prefixed.is_tls), ("metrics.internal:80", "/prom", false));
        let secure = of("https://[::1]");
        assert_eq!((secure.authority.as_str(), secure.host.as_str(), secure.is_tls), ("[::1]:443", "::1", true));
        for wrong in ["", "127.0.0.1:9090", "ftp://x", "https://", "http://", "http://a b", "http://x/?q", "http://user@host"] {
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
