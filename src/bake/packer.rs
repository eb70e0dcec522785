//! Packer's `-machine-readable` stream as the same progress a builder's console tells.
//!
//! Lines are `TIMESTAMP,TARGET,TYPE,DATA…`; a comma in data is `%!(PACKER_COMMA)`, a line end `\n`. What Packer does is known from what its
//! amazon-ebs builder says to people: there is no other word for it. A sentence that is not known is a line of the log.

use super::console::remark;
use super::log::Log;
use super::signal::{Outcome, Part, Said, Signal};
use crate::domain::bake::LeftoverKind;
use crate::domain::ids::ImageId;
use crate::domain::time::WorldTime;

/// So much of an error is its reason.
const LONGEST_REASON: usize = 300;
/// What the amazon-ebs builder says when it begins something, with what that is. The first that a line begins with counts.
const SAYINGS: [(&str, Part); 21] = [
    ("Prevalidating", Part::ResolveBase),
    ("Force Deregister", Part::ResolveBase),
    ("Creating temporary keypair", Part::Launch),
    ("Creating temporary security group", Part::Launch),
    ("Creating temporary instance profile", Part::Launch),
    ("Authorizing access", Part::Launch),
    ("Launching a source AWS instance", Part::Launch),
    ("Waiting for instance", Part::Launch),
    ("Using SSH communicator", Part::Launch),
    ("Waiting for SSH", Part::Launch),
    ("Connected to SSH", Part::Provision),
    ("Provisioning with", Part::Provision),
    ("Uploading", Part::Provision),
    ("Stopping the source instance", Part::Snapshot),
    ("Waiting for the instance to stop", Part::Snapshot),
    ("Creating AMI", Part::Snapshot),
    ("Waiting for AMI", Part::Snapshot),
    ("Copying", Part::Register),
    ("Adding tags to AMI", Part::Register),
    ("Modifying attributes", Part::Register),
    ("Terminating the source AWS instance", Part::CleanUp),
];

/// Packer's stream as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct PackerStream {
    log: Log,
    /// Bytes of a line that has not ended.
    open: Vec<u8>,
    current: Option<Part>,
    /// Packer has said an error in the part that runs.
    erred: bool,
    failed: bool,
    /// The part it failed in, once that was told.
    failed_in: Option<Part>,
    /// Why it failed, as far as it has said.
    why: Option<String>,
}

impl PackerStream {
    /// What Packer said so far, as people read it.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Whether a build failed, as far as Packer has said.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Takes more of the stream, cut anywhere, and tells what is new.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Signal> {
        self.open.extend_from_slice(bytes);
        let mut signals = Vec::new();
        while let Some(end) = self.open.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.open.drain(..=end).collect();
            self.line(&String::from_utf8_lossy(&line), &mut signals);
        }
        signals
    }

    /// Packer has ended: what it began is over. `exit` is its status, none where it was killed; a stream that tells of a failed build is not outvoted
    /// by it.
    pub fn end(&mut self, exit: Option<i32>) -> Vec<Signal> {
        let mut signals = Vec::new();
        if !self.open.is_empty() {
            signals.extend(self.read(b"\n"));
        }
        let outcome = if exit == Some(0) && !self.failed { Outcome::Succeeded } else { Outcome::Failed };
        let offset = self.log.end();
        let mut say = |said| signals.push(Signal { offset, at: None, said });
        let (current, exit_code) = (self.current.take(), exit.filter(|status| *status != 0));
        if let Some(part) = current {
            // A bake that failed cleans up as well as any.
            let outcome = if part == Part::CleanUp && !self.erred { Outcome::Succeeded } else { outcome };
            if outcome == Outcome::Failed {
                self.failed_in.get_or_insert(part);
            }
            say(Said::Ended { part, outcome, exit: exit_code, took: None });
        }
        if outcome == Outcome::Failed {
            // What fails before anything began is the template itself.
            let part = self.failed_in.unwrap_or(Part::ResolveBase);
            if self.failed_in.is_none() {
                say(Said::Ended { part, outcome, exit: exit_code, took: None });
            }
            let killed = exit.is_none().then(|| "it was killed; what it had made is removed by its tags".to_owned());
            if let Some(why) = killed.or_else(|| self.why.take()) {
                say(Said::Reason { part, why: why.into() });
            }
        }
        say(Said::Done { outcome, parts: Vec::new() });
        signals
    }

    fn line(&mut self, line: &str, signals: &mut Vec<Signal>) {
        let offset = self.log.end();
        let mut fields = line.trim_end_matches(['\r', '\n']).splitn(4, ',');
        let (Some(stamp), Some(_target), Some(kind), Some(data)) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            self.log.append(line.as_bytes());
            return;
        };
        let Ok(secs) = stamp.parse::<i64>() else {
            self.log.append(line.as_bytes());
            return;
        };
        let at = secs.checked_mul(1_000).map(WorldTime);
        let mut fields = data.split(',');
        match kind {
            "ui" => {
                let (how, text) = data.split_once(',').unwrap_or(("say", data));
                self.ui(how, &unescaped(text), at, signals);
            }
            "artifact" => {
                let (_, what, id) = (fields.next(), fields.next(), fields.next());
                if what == Some("id") {
                    let images = unescaped(id.unwrap_or_default());
                    signals.extend(images.split(',').filter_map(image).map(|said| Signal { offset, at, said }));
                }
            }
            "error" => {
                self.failed = true;
                let text = unescaped(data);
                self.why = Some(sentence(&text));
                self.say(&text, at, &[Said::Error], signals);
            }
            "error-count" => self.failed |= data.trim() != "0",
            _ => {}
        }
    }

    /// What Packer says to people. What a provisioner writes to its error output comes as an error although nothing has failed.
    fn ui(&mut self, how: &str, text: &str, at: Option<WorldTime>, signals: &mut Vec<Signal>) {
        if how == "error" && self.current != Some(Part::Provision) && !text.trim().is_empty() {
            self.why.get_or_insert_with(|| sentence(text));
        }
        for line in text.split('\n') {
            let named = line.strip_prefix("==> ").or_else(|| line.strip_prefix("    ")).and_then(|rest| rest.split_once(": "));
            let plain = named.map_or(line, |(_, said)| said).trim_start();
            let mut said = Vec::new();
            if how == "say" || how == "message" {
                said.extend(self.began(plain));
                said.extend(instance(plain).or_else(|| made(plain)).or_else(|| plain.strip_prefix("AMI: ").and_then(own_image)));
            }
            if how == "error" && self.current == Some(Part::Provision) {
                said.extend(remark(plain));
            } else if how == "error" {
                self.erred = true;
                said.push(Said::Error);
            } else {
                said.extend(remark(plain));
            }
            self.say(line, at, &said, signals);
        }
    }

    fn say(&mut self, line: &str, at: Option<WorldTime>, said: &[Said], signals: &mut Vec<Signal>) {
        let offset = self.log.end();
        self.log.append(line.as_bytes());
        self.log.append(b"\n");
        signals.extend(said.iter().map(|said| Signal { offset, at, said: said.clone() }));
    }

    /// The part that a sentence begins, with the end of the one before it. What Packer does while it provisions does not go back to launching.
    fn began(&mut self, plain: &str) -> Vec<Said> {
        let Some((_, part)) = SAYINGS.iter().find(|(saying, _)| plain.starts_with(saying)) else { return Vec::new() };
        if self.current.is_some_and(|current| current >= *part) {
            return Vec::new();
        }
        let before = self.current.replace(*part);
        // What goes to its clean-up without an image, or after an error, has failed in the part it was in; the reason is said at the very end.
        let failed = *part == Part::CleanUp && (self.erred || before.is_some_and(|before| before < Part::Snapshot));
        self.failed |= failed;
        if failed {
            self.failed_in = self.failed_in.or(before);
        }
        self.erred = false;
        let outcome = if failed { Outcome::Failed } else { Outcome::Succeeded };
        let ended = before.map(|part| Said::Ended { part, outcome, exit: None, took: None });
        ended.into_iter().chain([Said::Began { part: *part }]).collect()
    }
}

/// `us-east-1:ami-0abc`.
fn image(text: &str) -> Option<Said> {
    let (region, id) = text.trim().split_once(':')?;
    id.starts_with("ami-").then(|| Said::Image { id: ImageId::new(id), region: region.to_owned() })
}

/// `Instance ID: i-0abc`.
fn instance(text: &str) -> Option<Said> {
    text.strip_prefix("Instance ID: ").map(|id| Said::Instance { id: id.trim().into() })
}

/// `ami-0abc`, as it is told when it is asked for.
fn own_image(id: &str) -> Option<Said> {
    id.starts_with("ami-").then(|| Said::Image { id: ImageId::new(id.trim()), region: String::new() })
}

/// What Packer makes for its builder without tags of ours.
fn made(text: &str) -> Option<Said> {
    let kinds = [
        ("Creating temporary keypair: ", LeftoverKind::KeyPair),
        ("Creating temporary security group for this instance: ", LeftoverKind::SecurityGroup),
    ];
    kinds.into_iter().find_map(|(saying, kind)| Some(Said::Made { kind, name: text.strip_prefix(saying)?.trim().to_owned() }))
}

/// An error of several lines in one, cut to what people read.
fn sentence(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.trim().trim_start_matches("==> ")).filter(|line| !line.is_empty()).collect();
    lines.join("; ").chars().take(LONGEST_REASON).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("%!(PACKER_COMMA)", ",").replace("\\r", "\r").replace("\\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Packer 1.6.6 printed for the example's template against the AWS test endpoint, shortened.
    const STREAM: &str = "1700000000,,ui,say,==> amazon-ebs: Prevalidating any provided VPC information\n\
        1700000000,,ui,message,    amazon-ebs: Found Image ID: ami-0b\n\
        1700000001,,ui,say,==> amazon-ebs: Launching a source AWS instance...\n\
        1700000001,,ui,message,    amazon-ebs: Instance ID: i-0a\n\
        1700000002,,ui,say,==> amazon-ebs: Provisioning with shell script: /tmp/x\n\
        1700000002,,ui,error,==> amazon-ebs: + apt-get -q update\n\
        1700000003,,ui,message,    amazon-ebs: one%!(PACKER_COMMA) two\\nWarning: three\n\
        1700000003,,ui,say,==> amazon-ebs: Stopping the source instance...\n\
        1700000004,,ui,say,==> amazon-ebs: Creating AMI web-1 from instance i-0a\n\
        1700000005,,ui,say,==> amazon-ebs: Terminating the source AWS instance...\n\
        1700000006,amazon-ebs,artifact-count,1\n\
        1700000006,amazon-ebs,artifact,0,builder-id,mitchellh.amazonebs\n\
        1700000006,amazon-ebs,artifact,0,id,eu-west-1:ami-0d%!(PACKER_COMMA)us-east-1:ami-0c\n";

    fn read(text: &str, exit: Option<i32>) -> (Vec<Said>, String) {
        let mut stream = PackerStream::default();
        let mut signals = stream.read(text.as_bytes());
        signals.extend(stream.end(exit));
        let log = String::from_utf8(stream.log().bytes().to_vec()).unwrap();
        (signals.into_iter().map(|signal| signal.said).collect(), log)
    }

    fn ended(part: Part, outcome: Outcome) -> Said {
        Said::Ended { part, outcome, exit: None, took: None }
    }

    #[test]
    fn packer_s_stream_tells_the_same_parts_as_a_builder() {
        let (said, log) = read(STREAM, Some(0));
        let image = |id: &str, region: &str| Said::Image { id: id.into(), region: region.to_owned() };
        assert_eq!(
            said,
            [
                Said::Began { part: Part::ResolveBase },
                ended(Part::ResolveBase, Outcome::Succeeded),
                Said::Began { part: Part::Launch },
                Said::Instance { id: "i-0a".into() },
                ended(Part::Launch, Outcome::Succeeded),
                Said::Began { part: Part::Provision },
                Said::Warning,
                ended(Part::Provision, Outcome::Succeeded),
                Said::Began { part: Part::Snapshot },
                ended(Part::Snapshot, Outcome::Succeeded),
                Said::Began { part: Part::CleanUp },
                image("ami-0d", "eu-west-1"),
                image("ami-0c", "us-east-1"),
                ended(Part::CleanUp, Outcome::Succeeded),
                Said::Done { outcome: Outcome::Succeeded, parts: vec![] },
            ]
        );
        assert!(log.contains("    amazon-ebs: one, two\nWarning: three\n"), "{log}");
    }

    #[test]
    fn a_build_that_failed_is_not_outvoted_by_how_the_process_ended() {
        let text = "1700000000,,ui,say,==> amazon-ebs: Launching a source AWS instance...\n\
            1700000001,,ui,error,==> amazon-ebs: Error launching source instance: InsufficientInstanceCapacity\n\
            1700000001,,error-count,1\n1700000001,,ui,error,\\n==> Some builds didn't complete successfully\n1700000001,amazon-ebs,error,no capacity\n";
        let (said, log) = read(text, Some(0));
        assert_eq!(said.last(), Some(&Said::Done { outcome: Outcome::Failed, parts: vec![] }));
        assert!(said.contains(&Said::Error) && said.contains(&ended(Part::Launch, Outcome::Failed)), "{said:?}");
        assert!(log.contains("no capacity") && log.contains("==> Some builds didn't complete"), "{log}");
    }

    #[test]
    fn what_is_no_machine_readable_line_is_a_line_of_the_log() {
        let (said, log) = read("panic: runtime error\n", Some(1));
        assert_eq!((said.len(), log.as_str()), (2, "panic: runtime error\n"));
    }

    proptest! {
        #[test]
        fn a_stream_cut_anywhere_tells_the_same(cuts in proptest::collection::vec(0_usize..900, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(STREAM.len())).collect();
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let (mut whole, mut pieces) = (PackerStream::default(), PackerStream::default());
            let all = whole.read(STREAM.as_bytes());
            let told: Vec<Signal> = cuts.windows(2).flat_map(|cut| pieces.read(&STREAM.as_bytes()[cut[0]..cut[1]])).collect();
            prop_assert_eq!(all, told);
        }

        #[test]
        fn no_bytes_break_the_stream(bytes in any::<Vec<u8>>(), data in any::<String>()) {
            let mut stream = PackerStream::default();
            stream.read(&bytes);
            for kind in ["ui,say,", "ui,error,", "artifact,0,id,", "error-count,", "error,", ""] {
                stream.read(format!("1,x,{kind}{data}\n").as_bytes());
            }
            let is_over = matches!(stream.end(Some(0)).last(), Some(Signal { said: Said::Done { .. }, .. }));
            prop_assert!(is_over);
        }
    }
}
