//! The package list a builder prints on its console before it is sealed: compressed, in numbered lines with a sum each, as the kernel writes onto
//! the same console and may break any of them.
//!
//! `@qdp1 OPERATION NUMBER/OF BASE64 #SUM`

use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use super::marker::sum;
use crate::domain::ids::OperationId;
use crate::domain::packages::PackageList;

/// What every line begins with.
const BEGINNING: &str = "@qdp1 ";
/// So many characters of the list a line has.
const WIDTH: usize = 160;
/// No list is longer than this once it is unpacked.
const LONGEST: u64 = 4 * 1024 * 1024;

/// The lines a builder prints for a list, without their ends.
#[must_use]
pub fn lines(operation: &OperationId, list: &PackageList) -> Vec<String> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    let packed = encoder.write_all(list.text().as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    let text = STANDARD.encode(packed);
    let chunks: Vec<&str> = text.as_bytes().chunks(WIDTH).filter_map(|chunk| std::str::from_utf8(chunk).ok()).collect();
    let line = |(nth, chunk): (usize, &&str)| {
        let body = format!("qdp1 {} {}/{} {chunk}", operation.as_str(), nth + 1, chunks.len());
        format!("@{body} #{}", sum(&body))
    };
    chunks.iter().enumerate().map(line).collect()
}

/// Whether a line holds a part of a list or what is left of one.
pub(super) fn is_on(line: &str) -> bool {
    line.contains(BEGINNING)
}

/// Which line of how many of a list a line says it is; that it is whole is not looked at.
#[must_use]
pub fn place(line: &str) -> Option<(u32, u32)> {
    let (_, rest) = line.split_once(BEGINNING)?;
    let (number, of) = rest.split(' ').nth(1)?.split_once('/')?;
    Some((number.parse().ok()?, of.parse().ok()?))
}

/// The list in the log of a bake.
///
/// # Errors
/// Why there is none: it was never printed, or not all of it arrived whole. What is left of it is not taken for the list.
pub fn find(log: &[u8], operation: &OperationId) -> Result<PackageList, String> {
    let log = String::from_utf8_lossy(log);
    let prefix = format!("{BEGINNING}{} ", operation.as_str());
    let (mut parts, mut of) = (BTreeMap::new(), None);
    for (number, all, chunk) in log.lines().filter_map(|line| part(line.split_once(&prefix)?.1, operation)) {
        of = Some(all);
        parts.insert(number, chunk);
    }
    let of = of.ok_or("the builder told no package list")?;
    let missing = (1..=of).filter(|number| !parts.contains_key(number)).count();
    if missing > 0 {
        return Err(format!("{missing} of the {of} lines of its package list were lost on the builder's console"));
    }
    let packed = STANDARD.decode(parts.into_values().collect::<String>()).map_err(|error| format!("its package list cannot be read ({error})"))?;
    let mut text = String::new();
    GzDecoder::new(packed.as_slice())
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| format!("its package list cannot be unpacked ({error})"))?;
    let list = PackageList::parse(&text);
    if list.packages.is_empty() { Err("its builder has neither dpkg nor rpm: no package is listed".to_owned()) } else { Ok(list) }
}

/// A whole part: its number, of how many, and the text; none of it if its sum is another one.
fn part<'a>(rest: &'a str, operation: &OperationId) -> Option<(u32, u32, &'a str)> {
    let (body, after) = rest.split_once(" #")?;
    let whole = format!("qdp1 {} {body}", operation.as_str());
    (after.get(..8)? == sum(&whole)).then_some(())?;
    let (place, chunk) = body.split_once(' ')?;
    let (number, of) = place.split_once('/')?;
    Some((number.parse().ok()?, of.parse().ok().filter(|of| *of <= 10_000)?, chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> PackageList {
        let packages: String = (0..600).map(|nth| format!("lib-number-{nth} 1.{}.{nth}-2ubuntu1\n", nth * 7_919 % 997)).collect();
        PackageList::parse(&format!("= 6.8.0-1021-aws\n{packages}"))
    }

    fn printed() -> Vec<String> {
        lines(&"op-3".into(), &list())
    }

    #[test]
    fn each_line_says_which_one_of_how_many_it_is() {
        let lines = printed();
        let of = u32::try_from(lines.len()).unwrap();
        assert_eq!((place(&lines[0]), place(lines.last().unwrap())), (Some((1, of)), Some((of, of))));
        assert_eq!((place("Get:1 http://mirror/pool"), place("@qdp1 op-3 x/y")), (None, None));
    }

    #[test]
    fn a_list_is_found_in_a_log_among_everything_else() {
        let log = printed().join("\r\n[   12.3] something of the kernel\r\n");
        assert_eq!(find(log.as_bytes(), &"op-3".into()), Ok(list()));
        assert!(printed().len() > 20 && printed().iter().all(|line| is_on(line) && line.len() < 220));
    }

    #[test]
    fn a_list_that_did_not_arrive_whole_is_none() {
        let broken = |change: fn(&mut Vec<String>)| {
            let mut lines = printed();
            change(&mut lines);
            find(lines.join("\n").as_bytes(), &"op-3".into()).unwrap_err()
        };
        assert!(broken(|lines| drop(lines.remove(4))).starts_with("1 of the "));
        assert!(broken(|lines| lines[2].insert_str(60, "[   12.3] usb 1-1: ")).starts_with("1 of the "));
        assert!(broken(Vec::clear).contains("told no package list"));
        assert!(find(printed().join("\n").as_bytes(), &"op-4".into()).is_err(), "another operation's");
        let empty = lines(&"op-3".into(), &PackageList::default()).join("\n");
        assert!(find(empty.as_bytes(), &"op-3".into()).unwrap_err().contains("neither dpkg nor rpm"));
    }
}
