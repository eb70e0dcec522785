//! What is printed, to the letter; and that nothing printed is anything a terminal obeys.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::super::{Exit, Output, parse_from, run};
use super::desk::{Fake, say};
use crate::app::fixture;
use crate::domain::text::is_treacherous;

async fn out(words: &str) -> String {
    let said = say(Arc::new(Fake::default()), words, None).await;
    assert_eq!((said.exit, said.notices.as_str()), (Exit::Done, ""), "{words}");
    said.out
}

async fn json(words: &str) -> Value {
    serde_json::from_str(&out(&format!("{words} --json")).await).unwrap()
}

const ALL: [&str; 10] = [
    "alarms",
    "fleets",
    "images",
    "fleet web-prod",
    "ops",
    "op op-3",
    "ledger web-prod",
    "doctor",
    "fleet adopt web-prod",
    "deploy web-prod --image 2.14.0 --plan",
];

#[tokio::test]
async fn fleets_and_images_fit_into_80_columns() {
    insta::assert_snapshot!(out("fleets").await, @r#"
    FLEET        MIX                  OK/ALL  STATE              BACK
    admin-prod   2.13.2 3, 2.12.7 1   4/4     MIXED              none: image ami-01…
    api-prod     5.1.0                20/20   steady             R1 2.13.1 ~4m
    legacy-prod  0.9.8                5/6     1 BAD              R1 2.13.1 ~4m
    search-prod  1.9.0                30/30   steady             R1 2.13.1 ~4m
    web-prod     2.13.2 12, 2.14.0 3  14/15   canary 2.14.0 5/9  R0 2.13.2 ~5s
    worker-prod  ?                    ?/8     ?                  R1 2.13.1 ~4m
    "#);
    insta::assert_snapshot!(out("images --app search").await, @r#"
    VERSION        ID        AGE  BASE        STATE     ON
    search 1.10.0  ami-1100  1d   26d behind  verified  -
    search 1.9.0   ami-1090  9d   26d behind  verified  - (30)
    "#);
    for words in ["fleets", "images", "ops", "ledger web-prod"] {
        assert!(out(words).await.lines().all(|line| line.width() <= 80), "{words}");
    }
}

#[tokio::test]
async fn alarms_say_what_they_are_and_when_they_were_read() {
    insta::assert_snapshot!(out("alarms").await, @r#"
    FLEET     ALARM    STATE  SINCE  READ
    api-prod  api-5xx  green  -      0s ago
    web-prod  web-5xx  green  -      0s ago
    "#);
    let told = json("alarms").await;
    assert_eq!((&told["calls"], &told["gap"]), (&1.into(), &Value::Null));
    assert_eq!((&told["alarms"][1]["fleet"], &told["alarms"][1]["state"]), (&"web-prod".into(), &"ok".into()));
}

#[tokio::test]
async fn a_fleet_shows_its_groups_its_operation_and_its_way_back() {
    insta::assert_snapshot!(out("fleet web-prod").await, @r#"
    web-prod: app web, env prod, canary
    weighted by arn:aws:elb:us-east-1:1:listener-rule/web-prod
    runs 2.13.2 12, 2.14.0 3, 14/15 healthy, canary 2.14.0 5/9; read 0s ago

    GROUP       ROLE       RUNS    WEIGHT     OK/ALL  MIN  MAX  DESIRED  ERRORS
    web-prod-a  live       2.13.2  100 (75%)  12/12   12   24   12       20 in 12000
    web-prod-b  candidate  2.14.0  25 (25%)   2/3     3    6    3        20 in 12000
      i-b01 of web-prod-b: in service, unhealthy for Auto Scaling, healthy for the load balancer

    operation  op-3 canary 2.14.0 5/9, weight 25%
    way back   R0 to 2.13.2 (ami-0132, web-prod-a) in ~5s, proved 0s ago
    alarm      web-5xx green
    "#);
}

#[tokio::test]
async fn an_operation_shows_its_steps_and_what_it_waits_for() {
    insta::assert_snapshot!(out("ops").await, @r#"
    ID    FLEET     WHAT                     STATE    STEP          BY           AGE
    op-3  web-prod  canary 2.13.2 -> 2.14.0  running  5/9 weight …  ada@bastio…  2m
    "#);
    let held = say(Arc::new(Fake::with(fixture::holding())), "op op-3", None).await.out;
    insta::assert_snapshot!(held, @r#"
    canary op-3: web-prod 2.13.2 -> 2.14.0
    state   holding for 0s: the judge fails weight 25%: 40 errors of 1201 against 9 of 3604; backs out at 03:15:19 (in 3m12s)
    by      ada@bastion-1 at 2025-01-01T03:09:07Z, "cart badge fix"
    driver  process 4711 on bastion-1, alive
    calls   1 accepted, 0 refused, 0 without an answer

    STEPS
      1  ok   claim             10s     as planned
      2  ok   template version  10s     as planned
      3  ok   one box           10s     as planned
      4  ok   weight 5%         20s     soaked 5m
      5  now  weight 25%        for 1m  judge FAIL, p 0.000012: canary 40/1201 erro…
      6       weight 50%        ~17m
      7       weight 100%       ~8m
      8       stable            ~3m
      9       give back         ~5s

    LAST EVENTS
      03:09:57  step 2/9 template version: started
      03:10:07  step 2/9 template version: done: as planned
      03:10:17  step 3/9 one box: started
      03:10:27  step 3/9 one box: done: as planned
      03:10:37  step 4/9 weight 5%: started
      03:10:47  step 4/9 weight 5%: judge pass, p 0.412: canary 3/1201 errors, base 9/3604 errors
      03:10:57  step 4/9 weight 5%: done: soaked 5m
      03:11:07  step 5/9 weight 25%: started
      03:11:17  call 9 ModifyRule rule weights web-prod-a 75, web-prod-b 25: shift to 25%
      03:11:27  call 9 ok, request 4c1e
      03:11:57  step 5/9 weight 25%: judge FAIL, p 0.000012: canary 40/1201 errors, base 9/3604 errors
      03:12:07  HOLDING: the judge fails weight 25%: 40 errors of 1201 against 9 of 3604, until 03:15:19
    "#);
}

#[tokio::test]
async fn a_plan_shows_everything_that_will_be_done() {
    insta::assert_snapshot!(out("deploy web-prod --image 2.14.0 --plan").await, @r#"
    deploy web-prod: 2.13.2 -> 2.14.0, canary
    plan 7f3a9c12 in 123456789012 us-east-1, production, facts of 2025-01-01T03:12:07Z
      from  web-prod-a ami-0132, version 4 of lt-0a
      to    web-prod-b ami-0214, a new version of lt-0b
      at least 12 healthy servers all the time (floor 8); web-prod-a stays 1h as the way back

    STEPS, ~48m40s
      1  claim             ~3s
      2  template version  ~2s
      3  one box           ~2m10s
      4  weight 5%         ~6m40s
      5  weight 25%        ~11m40s
      6  weight 50%        ~16m40s
      7  weight 100%       ~8m20s
      8  stable            ~3m
      9  give back         ~5s

    CHECKS
      ok  image exists and is not blocked
      !   credentials end in 42m

    CALLS, by step
      1  CreateOrUpdateTags           qd:claim on web-prod-a, web-prod-b
      2  CreateLaunchTemplateVersion  lt-0b new version: lt-0a version 4 with ami-0214
      2  UpdateAutoScalingGroup       web-prod-b launches lt-0b at that version
      3  UpdateAutoScalingGroup       web-prod-b min 1 (max at least 24)
      4  UpdateAutoScalingGroup       web-prod-a min 12 (max at least 24)
      4  ModifyRule                   rule weights web-prod-a 95, web-prod-b 5
      5  UpdateAutoScalingGroup       web-prod-b min 3 (max at least 24)
      5  ModifyRule                   rule weights web-prod-a 75, web-prod-b 25
      6  UpdateAutoScalingGroup       web-prod-b min 6 (max at least 24)
      6  ModifyRule                   rule weights web-prod-a 50, web-prod-b 50
      7  UpdateAutoScalingGroup       web-prod-b min 12 (max at least 24)
      7  ModifyRule                   rule weights web-prod-a 0, web-prod-b 100
      8  CreateOrUpdateTags           qd:stable on web-prod-b
      8  DeleteTags                   qd:claim off web-prod-a, web-prod-b
      9  UpdateAutoScalingGroup       web-prod-b min 8 (pin given back)
      weights are those of arn:aws:elb:us-east-1:1:listener-rule/web-prod

    This is production: a reason is asked for.
    "#);
}

#[tokio::test]
async fn following_prints_what_happens() {
    insta::assert_snapshot!(say(Arc::new(Fake::with(fixture::paused())), "watch op-3", None).await.out, @r#"
    03:09:17  deploy planned by ada@bastion-1: web-prod 2.13.2 -> 2.14.0, plan 7f3a9c12 "cart badge fix"
    03:09:27  driver started on bastion-1, process 4711, lease 1
    03:09:37  RUNNING
    03:09:47  step 1/9 claim: started
    03:09:57  step 1/9 claim: done: as planned
    03:10:07  step 2/9 template version: started
    03:10:17  step 2/9 template version: done: as planned
    03:10:27  step 3/9 one box: started
    03:10:37  step 3/9 one box: done: as planned
    03:10:47  step 4/9 weight 5%: started
    03:10:57  step 4/9 weight 5%: judge pass, p 0.412: canary 3/1201 errors, base 9/3604 errors
    03:11:07  step 4/9 weight 5%: done: soaked 5m
    03:11:17  step 5/9 weight 25%: started
    03:11:27  call 9 ModifyRule rule weights web-prod-a 75, web-prod-b 25: shift to 25%
    03:11:37  call 9 ok, request 4c1e
    03:12:07  PAUSED: paused by ada@bastion-1
    canary op-3 of web-prod paused: paused by ada@bastion-1
    "#);
}

#[tokio::test]
async fn documents_have_the_promised_fields() {
    let fleets = json("fleets").await;
    let worker = fleets["fleets"].as_array().unwrap().iter().find(|fleet| fleet["name"] == "worker-prod").unwrap();
    assert_eq!((&worker["healthy"], &worker["state"]), (&Value::Null, &Value::from("unknown")), "unknown is null, never 0");
    let web = fleets["fleets"].as_array().unwrap().iter().find(|fleet| fleet["name"] == "web-prod").unwrap();
    let way = &web["way_back"];
    assert_eq!((&way["level"], &way["version"], &way["image"], &way["seconds"]), (&"R0".into(), &"2.13.2".into(), &"ami-0132".into(), &5.into()));
    assert_eq!(way["blockers"], Value::Array(Vec::new()));
    assert_eq!((&web["age_secs"], &web["operation"]["id"], &web["route"]), (&0.into(), &"op-3".into(), &"weighted".into()));
    for field in ["slot", "name", "image", "version", "desired", "min", "max", "healthy", "total", "weight"] {
        assert!(web["server_groups"][0].get(field).is_some(), "{field}");
    }
    let images = json("images").await;
    let blocked = images["images"].as_array().unwrap().iter().find(|image| image["version"] == "2.12.9").unwrap();
    assert_eq!(blocked["blocked"]["reason"], "CVE-2026-1181");
    for field in ["id", "name", "app", "version", "stage", "created_at", "base", "arch", "fleets", "schema", "blocked"] {
        assert!(blocked.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn an_operation_s_document_says_where_it_is() {
    let op = json("op op-3").await;
    assert_eq!((&op["kind"], &op["from"], &op["to"], &op["state"]), (&"deploy".into(), &"2.13.2".into(), &"2.14.0".into(), &"running".into()));
    assert_eq!((&op["step"]["index"], &op["step"]["of"], &op["step"]["name"]), (&5.into(), &9.into(), &"weight 25%".into()));
    assert_eq!((&op["driver"]["host"], &op["driver"]["pid"], &op["driver"]["alive"]), (&"bastion-1".into(), &4711.into(), &true.into()));
    assert_eq!(op["events"][0]["at"], "2025-01-01T03:09:27Z");
    assert_eq!(json("ops").await["operations"][0], op);
    let held: Value = serde_json::from_str(&say(Arc::new(Fake::with(fixture::holding())), "op op-3 --json", None).await.out).unwrap();
    assert_eq!(held["step"]["until"], "2025-01-01T03:15:19Z");
    assert!(held["step"]["waiting_for"].as_str().unwrap().starts_with("the judge fails weight 25%"));
}

#[tokio::test]
async fn following_in_json_is_one_object_a_line_and_the_operation_last() {
    let said = say(Arc::new(Fake::with(fixture::paused())), "watch op-3 --json", None).await;
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.exit, Exit::NeedsHuman);
    assert_eq!((&lines[0]["event"], &lines[0]["seq"], &lines[0]["operation"]), (&"planned".into(), &0.into(), &"op-3".into()));
    assert_eq!((&lines[lines.len() - 1]["state"], &lines[lines.len() - 1]["id"]), (&"paused".into(), &"op-3".into()));
}

#[tokio::test]
async fn a_closed_pipe_is_no_error() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let command = || parse_from(["qd", "watch", "op-3"]).unwrap().command.unwrap();
    let mut closed = Output::new(Box::new(Closed), Box::new(std::io::sink()), None, None);
    assert_eq!(run(Arc::new(Fake::default()), command(), &mut closed).await, Exit::Done);
    let mut full = Output::new(Box::new(Full), Box::new(std::io::sink()), None, None);
    let paused = Arc::new(Fake::with(fixture::paused()));
    assert_eq!(run(paused, command(), &mut full).await, Exit::Failed);
}

/// A desk in which everything somebody else chose is this text.
fn hostile(text: &str) -> Fake {
    let mut fake = Fake::default();
    for fleet in &mut fake.estate.fleets {
        fleet.spec.app = Some(text.into());
        fleet.spec.problems = vec![text.to_owned()];
        fleet.way_back.blockers = vec![text.to_owned()];
        fleet.way_back.level = None;
        fleet.mix.iter_mut().for_each(|part| part.label = text.to_owned());
    }
    for image in &mut fake.estate.images {
        image.image.app = Some(text.into());
        image.image.version = Some(text.into());
        image.image.stage = Some(text.into());
        image.image.id = text.into();
    }
    fake.estate.gaps = vec![text.to_owned()];
    fake.view.operation.by.user = text.into();
    fake.view.operation.reason = Some(text.into());
    fake.view.operation.plan.to.version = Some(text.into());
    fake.view.operation.plan.steps[0].title = text.to_owned();
    fake.view.progress.reason = text.to_owned();
    fake.plan = Ok(fake.view.operation.plan.clone());
    fake
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn nothing_a_terminal_obeys_is_ever_printed(text in "(.|[\\u{0}-\\u{1f}\\u{202a}-\\u{202e}\\u{200b}\\u{feff}\\u{9b}]){0,12}", json in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let desk = Arc::new(hostile(&text));
        for words in ALL.iter().chain(&["fleet \u{1b}x", "op \u{202e}x"]) {
            let words = if json { format!("{words} --json") } else { (*words).to_owned() };
            let said = runtime.block_on(say(desk.clone(), &words, None));
            for line in said.out.lines().chain(said.notices.lines()) {
                prop_assert!(!line.chars().any(is_treacherous), "{words}: {line:?}");
            }
            if json && said.exit == Exit::Done {
                prop_assert!(serde_json::from_str::<Value>(&said.out).is_ok());
            }
        }
    }
}
