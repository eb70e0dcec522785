//! `qd judge FILE`: judges recorded evidence again, and says whether the same comes out. Nothing is asked of any cloud or store.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::super::exit::Exit;
use super::super::output::Output;
use crate::app::judging::table;
use crate::domain::judgement::{Evidence, Judgement, VerdictWord};
use crate::domain::text::escape;
use crate::judge::{digest, judge};
use crate::ports::desk::DeskError;

/// `qd judge`.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct JudgeArgs {
    /// Evidence, or what `qd op ID --json` prints
    pub file: PathBuf,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// One piece of evidence, with what was recorded of it.
struct Recorded {
    evidence: Evidence,
    digest: Option<String>,
    word: Option<VerdictWord>,
    at: Option<String>,
}

#[derive(Serialize)]
struct JudgedDoc<'a> {
    at: Option<&'a str>,
    digest: &'a str,
    same_evidence: Option<bool>,
    same_verdict: Option<bool>,
    judgement: &'a Judgement,
}

/// Judges what is in the file.
///
/// # Errors
/// The file cannot be read, or holds no evidence.
pub fn run(args: &JudgeArgs, out: &mut Output) -> Result<Exit, DeskError> {
    let all = read(&args.file)?;
    let mut differs = false;
    let mut documents = Vec::new();
    for recorded in &all {
        let (judgement, found) = (judge(&recorded.evidence), digest(&recorded.evidence));
        let same_evidence = recorded.digest.as_ref().map(|known| *known == found);
        let same_verdict = recorded.word.map(|known| known == judgement.word);
        differs |= same_evidence == Some(false) || same_verdict == Some(false);
        let document = JudgedDoc { at: recorded.at.as_deref(), digest: &found, same_evidence, same_verdict, judgement: &judgement };
        if args.json {
            documents.push(serde_json::to_value(&document).unwrap_or_default());
        } else {
            out.text(&text(&document, &recorded.evidence));
        }
    }
    if args.json {
        out.json(&serde_json::json!({ "judged": documents }));
    }
    Ok(if differs { Exit::Failed } else { Exit::Done })
}

fn text(document: &JudgedDoc<'_>, evidence: &Evidence) -> String {
    let at = document.at.map(|at| format!("{} ", escape(at))).unwrap_or_default();
    let recorded = match (document.same_evidence, document.same_verdict) {
        (Some(false), _) => "\nDIFFERS: the evidence is not what the recorded digest was made from",
        (_, Some(false)) => "\nDIFFERS: another verdict was recorded",
        (Some(true), Some(true)) => "\nthe same as was recorded",
        _ => "",
    };
    let judgement = document.judgement;
    format!(
        "{at}{}: {}\n{}\nlook {} of {}, confidence {}, count level {:.1e}, evidence sha256 {}{recorded}",
        judgement.word.word(),
        escape(&judgement.why),
        table(judgement, Some(evidence), false).join("\n"),
        evidence.look,
        evidence.looks,
        evidence.confidence.get(),
        evidence.count_level.get(),
        document.digest,
    )
}

fn read(path: &Path) -> Result<Vec<Recorded>, DeskError> {
    let shown = escape(&path.display().to_string());
    let hint = "give it evidence, or what `qd op ID --json` prints of a judged operation";
    let bytes = std::fs::read(path).map_err(|error| DeskError::other(format!("{shown} cannot be read: {error}"), hint))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| DeskError::other(format!("{shown} is no JSON: {error}"), hint))?;
    if let Some(events) = value.get("events").and_then(Value::as_array) {
        let judged = events.iter().filter(|event| event.get("evidence").is_some_and(|evidence| !evidence.is_null()));
        let all: Vec<Recorded> = judged.map(|event| recorded(event, &shown, hint)).collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Err(DeskError::other(format!("{shown} has no event with evidence: nothing was judged, or nothing acted on"), hint));
        }
        return Ok(all);
    }
    Ok(vec![Recorded { evidence: evidence(value, &shown, hint)?, digest: None, word: None, at: None }])
}

fn recorded(event: &Value, shown: &str, hint: &str) -> Result<Recorded, DeskError> {
    let text = |key: &str| event.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let word = event.get("verdict").cloned().and_then(|word| serde_json::from_value(word).ok());
    let given = event.get("evidence").cloned().unwrap_or_default();
    Ok(Recorded { evidence: evidence(given, shown, hint)?, digest: text("digest"), word, at: text("at") })
}

fn evidence(value: Value, shown: &str, hint: &str) -> Result<Evidence, DeskError> {
    serde_json::from_value(value).map_err(|error| DeskError::other(format!("{shown} holds no evidence: {}", escape(&error.to_string())), hint))
}
