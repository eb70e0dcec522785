//! What happens in an operation, passed on to the fleet's hook. Nothing here can stop or delay the operation.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::adapters::hook::HookRunner;
use crate::cli::json_line;
use crate::config::{Hooks, load};
use crate::domain::time::WorldTime;
use crate::operation::notice::{Notice, NoticeKind};
use crate::operation::progress::Progress;
use crate::operation::record::Operation;
use crate::ports::notify::{Hook, Notify};

/// Knows who is to be told, and has them told.
pub(super) struct Notifier {
    fleets_file: PathBuf,
    known: Mutex<Hooks>,
    runner: Option<Box<dyn Notify>>,
}

impl Notifier {
    /// A notifier for the hooks in `fleets_file`.
    pub(super) fn new(fleets_file: &Path) -> Self {
        let runner = HookRunner::new().map_err(|error| tracing::warn!("notify: nobody can be told: {error}"));
        Self { fleets_file: fleets_file.to_owned(), known: Mutex::default(), runner: runner.ok().map(|runner| Box::new(runner) as _) }
    }

    /// Tells the fleet's hook, if it has one; `text` where the state's own reason is not what it is about.
    pub(super) fn tell(&self, kind: NoticeKind, operation: &Operation, progress: &Progress, at: WorldTime, text: Option<&str>) {
        self.send(self.hooks().of(&operation.plan.fleet), &Notice::new(kind, operation, progress, at, text));
    }

    /// Tells the hook for all fleets of a bake, which has none.
    pub(super) fn tell_of_bake(&self, notice: &Notice) {
        self.send(self.hooks().all.as_ref().filter(|hook| !hook.0.is_empty()), notice);
    }

    fn send(&self, hook: Option<&Hook>, notice: &Notice) {
        let (Some(hook), Some(runner)) = (hook, &self.runner) else { return };
        match json_line(notice) {
            Ok(document) => runner.tell(hook, document),
            Err(error) => tracing::warn!("notify: no document could be made: {error}"),
        }
    }

    /// The hooks as they are written down now; the last ones that could be read where somebody is in the middle of an edit.
    fn hooks(&self) -> Hooks {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match load(&self.fleets_file) {
            Ok(file) => *known = file.hooks,
            Err(error) => tracing::warn!("notify: {error}"),
        }
        known.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture;
    use crate::operation::event::{EventBody, OperationState};
    use crate::operation::notice;
    use crate::operation::plan::OperationKind;

    fn to(state: OperationState) -> EventBody {
        EventBody::StateChanged { to: state, reason: "because".into(), deadline: None }
    }

    #[test]
    fn people_are_told_what_needs_them_and_how_it_ended_and_nothing_else() {
        let running = fixture::canary().progress;
        let told = |state| notice::of(OperationKind::Deploy, &running, &to(state));
        assert_eq!(told(OperationState::Holding), Some(NoticeKind::NeedsHuman));
        assert_eq!(told(OperationState::Failed), Some(NoticeKind::Failed));
        assert_eq!(told(OperationState::BackingOut), Some(NoticeKind::BackingOut));
        assert_eq!(told(OperationState::BackedOut), Some(NoticeKind::Finished));
        assert_eq!(told(OperationState::Succeeded), Some(NoticeKind::Finished));
        for quiet in [OperationState::Running, OperationState::Paused, OperationState::Waiting] {
            assert_eq!(told(quiet), None, "{quiet:?}");
        }
        assert_eq!(notice::of(OperationKind::Deploy, &running, &EventBody::StepStarted { step: 2 }), None);
    }

    #[test]
    fn a_hold_pages_once_and_the_end_of_a_window_nobody() {
        let holding = fixture::holding().progress;
        assert_eq!(notice::of(OperationKind::Deploy, &holding, &to(OperationState::Holding)), None, "only its reason changed");
        assert_eq!(notice::of(OperationKind::Retire, &holding, &to(OperationState::Succeeded)), None);
        assert_eq!(notice::of(OperationKind::Retire, &holding, &to(OperationState::Failed)), Some(NoticeKind::Failed));
    }

    #[test]
    fn the_document_says_who_what_why_and_until_when() {
        let view = fixture::holding();
        let notice = Notice::new(NoticeKind::NeedsHuman, &view.operation, &view.progress, fixture::NOW, None);
        let document = serde_json::to_value(&notice).unwrap();
        assert_eq!(document["event"], "needs_human");
        assert_eq!((document["fleet"].as_str(), document["operation"].as_str()), (Some("web-prod"), Some("op-3")));
        assert_eq!(document["until"], "2025-01-01T03:15:19Z");
        assert!(document["text"].as_str().unwrap().starts_with("web-prod canary op-3: needs a person: the judge fails"), "{document}");
        assert_eq!((document["from"].as_str(), document["to"].as_str()), (Some("2.13.2"), Some("2.14.0")));
    }

    #[test]
    fn hooks_are_read_anew_each_time_and_a_mistake_leaves_the_last_ones() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("fleets.toml");
        let notifier = Notifier::new(&file);
        assert_eq!(notifier.hooks(), Hooks::default());
        std::fs::write(&file, "notify = [\"/bin/page\"]").unwrap();
        assert!(notifier.hooks().of(&"web".into()).is_some());
        std::fs::write(&file, "notify = [").unwrap();
        assert!(notifier.hooks().of(&"web".into()).is_some(), "somebody edits it just now");
    }
}
