//! Prometheus as a source of series: a real one, which scrapes an exporter that the test feeds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that cannot go on has failed"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quarterdeck::adapters::host::wall_now;
use quarterdeck::adapters::prometheus::Prometheus;
use quarterdeck::domain::analysis::{Analysis, Measure, Metric, MetricName};
use quarterdeck::domain::fleet::{BySlot, Groups, Route, Scope, Slot};
use quarterdeck::domain::metrics::{MetricsAsk, MetricsSeen};
use quarterdeck::domain::series::Series;
use quarterdeck::domain::time::Millis;
use quarterdeck::ports::metrics::Metrics;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Prometheus scrapes.
struct Exporter {
    url: String,
    page: Arc<Mutex<String>>,
}

impl Exporter {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = listener.local_addr().unwrap().to_string();
        let page = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&page);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut asked = [0_u8; 4_096];
                let _ = stream.read(&mut asked);
                let body = shown.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        Self { url, page }
    }

    fn show(&self, page: &str) {
        *self.page.lock().unwrap() = page.to_owned();
    }
}

/// A Prometheus of this test alone.
struct Server {
    process: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(exporter: &Exporter) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("prometheus.yml");
        let scrape = format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: web\n    static_configs:\n      - targets: ['{}']\n",
            exporter.url
        );
        std::fs::write(&config, scrape).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Prometheus: install the Debian package `prometheus`");
        Self { process, url: format!("http://{address}"), _dir: dir }
    }
}

fn name(text: &str) -> MetricName {
    MetricName::new(text).unwrap()
}

fn ask(query: &str) -> MetricsAsk {
    let groups = Groups::Two(BySlot { a: "web-prod-a".into(), b: "web-prod-b".into() });
    let metrics = vec![Metric::new(name("latency"), Measure::Prometheus(query.into()))];
    let analysis = Analysis { metrics, interval: Millis::secs(1), ..Analysis::default() };
    MetricsAsk { scope: Scope { groups, route: Route::None, alarms: Vec::new() }, analysis, since: wall_now().minus(Millis::secs(20)) }
}

async fn measured(server: &Server, query: &str) -> MetricsSeen {
    Prometheus::at(&server.url).unwrap().measure(&ask(query)).await
}

fn side(seen: &MetricsSeen, slot: Slot) -> Result<Series, String> {
    let reading = seen.series(&name("latency"), slot).unwrap();
    reading.value().cloned().ok_or_else(|| reading.why().unwrap().shown())
}

/// Asks until it is so.
async fn until(server: &Server, query: &str, so: impl Fn(&MetricsSeen) -> bool) -> MetricsSeen {
    let began = Instant::now();
    loop {
        let seen = measured(server, query).await;
        if so(&seen) {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn series_of_each_group_are_read_and_everything_else_is_said() {
    const LATENCY: &str = "latency_ms{group=\"$group\"}";
    let exporter = Exporter::start();
    exporter.show("latency_ms{group=\"web-prod-a\"} 200\nlatency_ms{group=\"web-prod-b\"} 350\n");
    let server = Server::start(&exporter);

    let enough = |seen: &MetricsSeen| side(seen, Slot::B).is_ok_and(|series| series.measured() >= 5);
    let seen = until(&server, LATENCY, enough).await;
    assert!(side(&seen, Slot::A).unwrap().values().all(|value| (value - 200.0).abs() < 1e-9));
    assert!(side(&seen, Slot::B).unwrap().values().all(|value| (value - 350.0).abs() < 1e-9));
    let newest = side(&seen, Slot::B).unwrap().newest().unwrap();
    assert!(wall_now().since(newest) < Millis::secs(30), "the points' times are those of the source");

    let nothing = measured(&server, "no_such_metric{group=\"$group\"}").await;
    assert_eq!(side(&nothing, Slot::A), Ok(Series::default()), "what is not there has no points");
    let both = measured(&server, "latency_ms").await;
    assert!(side(&both, Slot::A).unwrap_err().contains("gives 2 series"));
    let wrong = measured(&server, "latency_ms{").await;
    assert!(side(&wrong, Slot::A).unwrap_err().contains("refuses the query"));

    exporter.show("latency_ms{group=\"web-prod-a\"} 200\n");
    let gone = |seen: &MetricsSeen| {
        let newest = |slot| side(seen, slot).ok().and_then(|series| series.newest());
        newest(Slot::A).zip(newest(Slot::B)).is_some_and(|(a, b)| a.since(b) >= Millis::secs(2))
    };
    until(&server, LATENCY, gone).await;
}

#[tokio::test]
async fn a_server_that_is_down_silent_or_no_prometheus_is_said() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seen = Prometheus::at(&format!("http://{closed}")).unwrap().measure(&ask("up")).await;
    assert!(side(&seen, Slot::A).unwrap_err().contains("cannot be asked"));

    let other = Exporter::start();
    other.show("<html>it works</html>");
    let seen = Prometheus::at(&format!("http://{}", other.url)).unwrap().measure(&ask("up")).await;
    assert!(side(&seen, Slot::A).unwrap_err().contains("no Prometheus"));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let seen = Prometheus::at(&format!("http://{}", silent.local_addr().unwrap())).unwrap().measure(&ask("up")).await;
    assert!(side(&seen, Slot::A).unwrap_err().contains("did not answer"));
}
