//! What is printed, to the letter; and that nothing printed is anything a terminal obeys.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::super::Exit;
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

#[tokio::test]
async fn show() {
    for words in ["fleets", "images", "fleet web-prod", "ops", "op op-3", "ledger web-prod", "doctor", "fleet adopt web-prod", "deploy web-prod --image 2.14.0 --plan"] {
        println!("--- {words}\n{}", out(words).await);
    }
    for words in ["fleets", "images", "fleet web-prod", "ops", "op op-3", "ledger web-prod", "doctor", "fleet adopt web-prod", "deploy web-prod --image 2.14.0 --plan"] {
        println!("--- {words}\n{}", json(words).await.to_string().chars().take(1500).collect::<String>());
    }
}
