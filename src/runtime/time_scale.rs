//! `QD_TIME_SCALE`: every wait of an operation divided, for tests, and never against a real cloud.

use std::net::{IpAddr, Ipv4Addr};

const VARIABLE: &str = "QD_TIME_SCALE";
/// The endpoint of all services; followed by `_` and a service's name, that of one.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";
/// Set, it may switch all of these off.
const IGNORE_VARIABLE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// The scale this process was asked for, from its environment.
pub(super) fn time_scale(endpoint: Option<&str>, simulated: bool, notices: &mut Vec<String>) -> u32 {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let named: Vec<(String, String)> = std::env::vars().filter(|(name, _)| name.starts_with(ENDPOINT_VARIABLE)).collect();
    // One service's endpoint says nothing of the others', and endpoints may be told to be ignored: only one that holds for all services counts.
    let ignored = std::env::var_os(IGNORE_VARIABLE).is_some();
    let for_all =
        endpoint.map(str::to_owned).or_else(|| named.iter().find(|(name, _)| name == ENDPOINT_VARIABLE && !ignored).map(|(_, url)| url.clone()));
    let endpoints: Vec<String> = for_all.map(|url| std::iter::once(url).chain(named.into_iter().map(|(_, url)| url)).collect()).unwrap_or_default();
    granted(&asked, &endpoints, simulated).unwrap_or_else(|notice| {
        notices.push(notice);
        1
    })
}

/// The scale, 1 to 100. It counts only if every endpoint is a loopback address, or the cloud is simulated.
///
/// # Errors
/// The notice that it is ignored, and why.
fn granted(asked: &str, endpoints: &[String], simulated: bool) -> Result<u32, String> {
    if asked.is_empty() {
        return Ok(1);
    }
    let scale = asked.parse().ok().filter(|scale| (1..=100).contains(scale));
    let scale = scale.ok_or_else(|| format!("{VARIABLE} is ignored: expected a number from 1 to 100"))?;
    if simulated || is_all_loopback(endpoints) {
        return Ok(scale);
    }
    Err(format!("{VARIABLE} is ignored: not every endpoint is a loopback address"))
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
    fn a_real_cloud_is_never_hurried() {
        let here = "http://127.0.0.1:5000".to_owned();
        let there = "https://autoscaling.us-east-1.amazonaws.com".to_owned();
        let none: [String; 0] = [];
        assert_eq!(granted("100", std::slice::from_ref(&here), false), Ok(100));
        assert_eq!(granted("", std::slice::from_ref(&there), false), Ok(1));
        assert_eq!(granted("50", &none, true), Ok(50), "the simulated cloud");
        for endpoints in [none.to_vec(), vec![there.clone()], vec![here.clone(), there]] {
            assert!(granted("100", &endpoints, false).unwrap_err().contains("not every endpoint is a loopback address"), "{endpoints:?}");
        }
        for nonsense in ["0", "101", "-1", "1.5", "fast"] {
            assert!(granted(nonsense, std::slice::from_ref(&here), false).unwrap_err().contains("from 1 to 100"), "{nonsense}");
        }
    }

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
