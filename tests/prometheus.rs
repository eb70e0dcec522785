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
use std::path::Path;
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
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(exporter: &Exporter) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), exporter, None)
    }

    /// One that speaks TLS, with a certificate of an authority of this test's own, and lets in whoever this section says.
    fn with_tls(exporter: &Exporter, users: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [ca, ca_key, leaf, key] = ["ca.pem", "ca.key", "leaf.pem", "leaf.key"].map(|name| dir.path().join(name).display().to_string());
        let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        openssl(&[&new[..], &["-subj", "/CN=authority of a test", "-keyout", &ca_key, "-out", &ca]].concat());
        let signed = ["-subj", "/CN=prometheus", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        openssl(&[&new[..], &signed, &["-CA", &ca, "-CAkey", &ca_key, "-keyout", &key, "-out", &leaf]].concat());
        let web = dir.path().join("web.yml");
        std::fs::write(&web, format!("tls_server_config:\n  cert_file: {leaf}\n  key_file: {key}\n{users}")).unwrap();
        Self::start_in(dir, exporter, Some(&web))
    }

    fn start_in(dir: tempfile::TempDir, exporter: &Exporter, web: Option<&Path>) -> Self {
        let config = dir.path().join("prometheus.yml");
        let scrape = format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: web\n    static_configs:\n      - targets: ['{}']\n",
            exporter.url
        );
        std::fs::write(&config, scrape).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new("prometheus")
            .args(web.map(|file| format!("--web.config.file={}", file.display())))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Prometheus: install the Debian package `prometheus`");
        let scheme = if web.is_some() { "https" } else { "http" };
        Self { process, url: format!("{scheme}://{address}"), dir }
    }

    /// The file of its authority.
    fn authority(&self) -> String {
        self.dir.path().join("ca.pem").display().to_string()
    }
}

fn openssl(args: &[&str]) {
    let made = Command::new("openssl").args(args).output().expect("this test needs openssl: install the Debian package `openssl`");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Asked as an analysis with these files says.
async fn asked(url: &str, ca: Option<&str>, token: Option<&str>, query: &str) -> MetricsSeen {
    let of = |path: Option<&str>| path.map(Into::into);
    let analysis = Analysis { prometheus: Some(url.into()), prometheus_ca: of(ca), prometheus_token: of(token), ..Analysis::default() };
    Prometheus::of(&analysis).unwrap().measure(&ask(query)).await
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

    let mut ahead = ask("up");
    ahead.since = wall_now().plus(Millis::mins(5));
    let seen = Prometheus::at(&format!("http://{closed}")).unwrap().measure(&ahead).await;
    assert!(side(&seen, Slot::A).unwrap_err().contains("--sim-speed 1"), "a world that runs ahead has no points in real time");

    let other = Exporter::start();
    other.show("<html>it works</html>");
    let seen = Prometheus::at(&format!("http://{}", other.url)).unwrap().measure(&ask("up")).await;
    assert!(side(&seen, Slot::A).unwrap_err().contains("no Prometheus"));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let seen = Prometheus::at(&format!("http://{}", silent.local_addr().unwrap())).unwrap().measure(&ask("up")).await;
    assert!(side(&seen, Slot::A).unwrap_err().contains("did not answer"));
}

#[tokio::test]
async fn over_tls_the_server_proves_who_it_is_by_an_authority_that_is_trusted() {
    let exporter = Exporter::start();
    exporter.show("latency_ms{group=\"web-prod-a\"} 200\nlatency_ms{group=\"web-prod-b\"} 350\n");
    let server = Server::with_tls(&exporter, "");
    let authority = server.authority();
    let began = Instant::now();
    let seen = loop {
        let seen = asked(&server.url, Some(&authority), None, "latency_ms{group=\"$group\"}").await;
        if side(&seen, Slot::B).is_ok_and(|series| series.measured() >= 2) {
            break seen;
        }
        assert!(began.elapsed() < PATIENCE, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(side(&seen, Slot::A).unwrap().values().all(|value| (value - 200.0).abs() < 1e-9));

    let unknown = side(&asked(&server.url, None, None, "up").await, Slot::A).unwrap_err();
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("prometheus_ca"), "a host does not trust it: {unknown}");
    let other_name = server.url.replace("127.0.0.1", "localhost");
    let misnamed = side(&asked(&other_name, Some(&authority), None, "up").await, Slot::A).unwrap_err();
    assert!(misnamed.contains("not valid for name"), "{misnamed}");
    let missing = side(&asked(&server.url, Some("/nowhere/ca.pem"), None, "up").await, Slot::A).unwrap_err();
    assert!(missing.contains("/nowhere/ca.pem cannot be read"), "{missing}");
    let plain = side(&asked(&server.url.replace("https", "http"), None, None, "up").await, Slot::A).unwrap_err();
    assert!(plain.contains("no Prometheus") || plain.contains("cannot be asked"), "{plain}");
    let closed = format!("https://{}", exporter.url);
    let no_tls = side(&asked(&closed, Some(&authority), None, "up").await, Slot::A).unwrap_err();
    assert!(no_tls.contains("cannot be asked"), "what does not speak TLS is said: {no_tls}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_token_is_given_the_one_in_the_file_and_a_refusal_is_said() {
    let exporter = Exporter::start();
    exporter.show("");
    // Nobody knows the password of this user: it is the hash of nothing anybody has.
    let server = Server::with_tls(&exporter, "basic_auth_users:\n  ada: $2y$05$QsZ4JUVdZT5JbmrlRKpGtuIT8mWzmVM1NQRMpsuBzn4EWQY8QVzJW\n");
    let began = Instant::now();
    let refused = loop {
        let refused = side(&asked(&server.url, Some(&server.authority()), None, "up").await, Slot::A).unwrap_err();
        if !refused.contains("cannot be asked") {
            break refused;
        }
        assert!(began.elapsed() < PATIENCE, "{refused}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(refused.contains("refuses us: 401") && refused.contains("prometheus_token"), "{refused}");

    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0_u8; 4_096];
        let length = stream.read(&mut asked).unwrap();
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    let shown = token.display().to_string();
    let _ = asked(&url, None, Some(&shown), "up").await;
    assert!(heard.join().unwrap().to_lowercase().contains("authorization: bearer s3cret\r\n"));
    std::fs::write(&token, " \n").unwrap();
    assert!(side(&asked(&url, None, Some(&shown), "up").await, Slot::A).unwrap_err().contains("there is no token in"));
    std::fs::write(&token, "a\nb").unwrap();
    assert!(side(&asked(&url, None, Some(&shown), "up").await, Slot::A).unwrap_err().contains("one line of visible characters"));
    assert!(side(&asked(&url, None, Some("/nowhere"), "up").await, Slot::A).unwrap_err().contains("the token in /nowhere cannot be read"));
}
