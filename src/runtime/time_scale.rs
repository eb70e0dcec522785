//! `QD_TIME_SCALE`: every wait of an operation divided, for tests, and never against a real cloud.

use std::net::{IpAddr, Ipv4Addr};

const VARIABLE: &str = "QD_TIME_SCALE";
/// Any of these may send some service's calls elsewhere.
const ENDPOINT_VARIABLES: &str = "AWS_ENDPOINT_URL";

/// The scale, 1 to 100. It counts only if every endpoint is a loopback address, or the cloud is simulated; otherwise a notice says that it was ignored.
pub(super) fn time_scale(endpoint: Option<&str>, simulated: bool, notices: &mut Vec<String>) -> u32 {
    let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) else { return 1 };
    let Some(scale) = text.parse().ok().filter(|scale| (1..=100).contains(scale)) else {
        notices.push(format!("{VARIABLE} is ignored: expected a number from 1 to 100"));
        return 1;
    };
    let named = std::env::vars().filter(|(name, _)| name.starts_with(ENDPOINT_VARIABLES)).map(|(_, url)| url);
    let endpoints: Vec<String> = endpoint.map(str::to_owned).into_iter().chain(named).collect();
    if simulated || is_all_loopback(&endpoints) {
        return scale;
    }
    notices.push(format!("{VARIABLE} is ignored: not every endpoint is a loopback address"));
    1
}

/// No endpoint at all is AWS itself.
fn is_all_loopback(endpoints: &[String]) -> bool {
    !endpoints.is_empty() && endpoints.iter().all(|url| is_loopback(url))
}

fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host == "localhost" {
        return true;
    }
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() && ip != IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_endpoints_count() {
        for url in ["http://127.0.0.1:5000", "http://localhost:1/", "http://[::1]:80", "https://127.9.9.9"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://127.0.0.1.example.com", "http://10.0.0.1", "127.0.0.1", "http://127.0.0.1@example.com", "http://0.0.0.0:80", ""] {
            assert!(!is_loopback(url), "{url}");
        }
        assert!(!is_all_loopback(&[]));
        assert!(!is_all_loopback(&["http://127.0.0.1".to_owned(), "https://ec2.example.com".to_owned()]));
    }
}
