//! What the screen stands on: sources, lost credentials, the first run; and freezes.

use super::Session;
use crate::app::message::Reply;
use crate::app::{Effect, Message, fixture};
use crate::domain::budget::BudgetKey;
use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::time::Millis;
use crate::operation::plan::CheckLevel;
use crate::ports::desk::{BudgetLevel, DeskError, Finding, Sources};

/// What a process on AWS says of itself.
pub fn sources() -> Sources {
    let finding = |level, subject: &str, text: &str| Finding { level, subject: subject.into(), text: text.into() };
    let missing = "/home/ada/.config/quarterdeck/fleets.toml does not exist: reading needs none; `qd fleet adopt NAME` writes it, and then fleets can be changed";
    Sources {
        findings: vec![
            finding(CheckLevel::Ok, "credentials", "profile payments-prod"),
            finding(CheckLevel::Unknown, "region", "none is named: the profile's is taken, else name one with --region"),
            finding(CheckLevel::Unknown, "fleets", missing),
        ],
        budget: vec![BudgetLevel { key: BudgetKey::Elb, left: 12.4 }, BudgetLevel { key: BudgetKey::AutoScaling, left: 19.0 }],
        sign_in: Some("aws sso login --profile payments-prod".into()),
    }
}

/// Answers the newest look at the sources.
pub fn told(session: &mut Session) {
    let no = session.newest(|effect| if let Effect::ReadSources { no } = effect { Some(*no) } else { None });
    session.take(Message::Reply { no, reply: Reply::Sources(Ok(Box::new(sources()))) });
}

/// The next reading of the estate fails like this.
pub fn fails(session: &mut Session, kind: CloudErrorKind) {
    session.wait(Millis::secs(16)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    let error = DeskError::Cloud(CloudError::new(kind, "DescribeAutoScalingGroups", "ExpiredToken"));
    session.take(Message::Reply { no, reply: Reply::Estate(Err(error)) }).take(Message::Tick);
}

/// The screen an hour of credentials later.
pub fn without_credentials() -> Session {
    let mut session = Session::with(Some(fixture::canary()));
    fails(&mut session, CloudErrorKind::Auth);
    told(&mut session);
    session
}

/// The screen of somebody who just installed the program.
pub fn first_run() -> Session {
    let mut session = Session { model: fixture::blank(80, 24), effects: Vec::new() };
    fails(&mut session, CloudErrorKind::Network);
    told(&mut session);
    session
}

#[test]
fn lost_credentials_say_what_brings_them_back_and_keep_the_rows() {
    let mut session = without_credentials();
    session.expect("creds GONE").expect("web-prod").expect("last known").expect("run  aws sso login --profile payments-prod  in another window");
    session.expect("at once on  r").expect("No restart is needed").press("R").expect("Not now: credentials are gone");
    let no = session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    session.wait(Millis::secs(5)).take(Message::Tick);
    let again = session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    assert!(again > no, "it looks again by itself");
    session
        .take(Message::Reply { no: again, reply: Reply::Estate(Ok(Box::new(fixture::estate()))) })
        .expect_not("sso login")
        .expect_not("last known");
}

#[test]
fn expired_credentials_are_told_apart_from_missing_ones() {
    let mut session = without_credentials();
    session.model.header.credentials_end = Some(session.model.clock.world.minus(Millis::mins(12)));
    session.expect("creds EXPIRED 12m ago");
}

#[test]
fn the_first_run_says_what_was_found_what_is_missing_and_how_to_get_it() {
    let mut session = first_run();
    session.expect("NO FLEET TO SHOW YET").expect("network").expect("✓ credentials  profile payments-prod").expect("? region");
    session.expect("qd fleet adopt NAME").expect("qd --sim").expect("We look again");
    let mut nothing = Session::with(None);
    nothing.wait(Millis::secs(16)).take(Message::Tick);
    let no = nothing.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    let none = crate::operation::status::Estate { fleets: Vec::new(), ..fixture::estate() };
    nothing.take(Message::Reply { no, reply: Reply::Estate(Ok(Box::new(none))) }).take(Message::Tick);
    told(&mut nothing);
    nothing.expect("no Auto Scaling group of this account").expect("No fleet was found").expect("qd doctor");
}

#[test]
fn sources_show_ages_the_budget_and_settings() {
    let mut session = Session::with(Some(fixture::holding()));
    session.press(",");
    told(&mut session);
    session.expect("fleets and images").expect("every 10s").expect("elb").expect("12 of 40").expect("keeps 20");
    session.press("G").expect("you          ada@bastion-1");
    session.press("esc").expect("FLEETS");
    let mut failed = without_credentials();
    failed.press(",").expect("ExpiredToken").expect("sign in again");
}

#[test]
fn an_alert_about_no_fleet_leads_to_the_sources() {
    let mut session = without_credentials();
    session.press("! enter").expect("SOURCES AND SETTINGS").press("esc").expect("ALERTS");
}

#[test]
fn a_freeze_is_put_by_a_sheet_with_a_reason_and_lifted_by_another() {
    let mut session = Session::with(None);
    session.press("F").expect("FREEZE web-prod").expect("for 4h").press("v").expect("for 8h").press("a").expect("FREEZE ALL FLEETS");
    session.press("a y").expect("a reason is needed first").press("i").type_text("release week").press("enter y");
    let put = session.effects.last().cloned();
    let Some(Effect::Freeze { no, fleet, length, reason }) = put else { panic!("{put:?}") };
    assert_eq!((fleet, length, reason), (Some("web-prod".into()), Millis::mins(480), "release week".into()));
    session.take(Message::Reply { no, reply: Reply::Commanded(Ok("web-prod is frozen until 11:12:07".into())) }).expect("web-prod is frozen until");
    let mut estate = fixture::estate();
    for fleet in &mut estate.fleets {
        fleet.freezes = vec![fixture::freeze(Some("web-prod"), Millis::mins(180))];
    }
    session.model.estate.as_mut().unwrap().value = estate;
    session.press("F").expect("UNFREEZE web-prod").expect("lifts: frozen by ada@bastion-1").press("y");
    assert!(matches!(session.effects.last(), Some(Effect::Unfreeze { fleet: Some(_), reason: None, .. })), "{:?}", session.effects.last());
}
