//! Effects that ask the desk for something: done on workers, answered by a message.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use crate::app::baking::Lane;
use crate::app::message::Reply;
use crate::app::model::Problem;
use crate::app::polling::FINISHED_READ;
use crate::app::sheet::{Ask, Errand};
use crate::app::{Effect, Message};
use crate::config::recipe::load;
use crate::domain::text::{Untrusted, there_are};
use crate::operation::bake::BakeWish;
use crate::operation::gc::GcPolicy;
use crate::operation::image_plan::ImageName;
use crate::operation::intent::Intent;
use crate::operation::plan::Plan;
use crate::ports::desk::{Desk, DeskError};
use crate::runtime::batch::{Order, roll_back};

/// Asks the desk on the workers.
#[derive(Clone)]
pub struct Asker {
    desk: Arc<dyn Desk>,
    workers: Handle,
    data: Sender<Message>,
    /// Confirmed things whose answer is still to come.
    sending: Arc<AtomicUsize>,
}

impl Asker {
    /// An asker whose answers go to `data`.
    pub fn new(desk: Arc<dyn Desk>, workers: Handle, data: Sender<Message>) -> Self {
        Self { desk, workers, data, sending: Arc::default() }
    }

    /// Confirmed things whose answer is still to come.
    pub fn unanswered(&self) -> bool {
        self.sending.load(Ordering::SeqCst) > 0
    }

    /// Asks, if the effect is a question or an order to the desk.
    pub fn ask(&self, effect: Effect) {
        let desk = Arc::clone(&self.desk);
        match effect {
            Effect::ReadEstate { no } => self.spawn(no, Reply::Estate, async move { desk.estate().await.map(Box::new) }),
            Effect::ReadAlarms { no } => self.spawn(no, Reply::Alarms, async move { desk.alarms().await.map(Box::new) }),
            Effect::ReadFleet { no, fleet } => {
                let name = fleet.clone();
                self.spawn(no, move |result| Reply::Fleet(name.clone(), result), async move { desk.fleet(&fleet).await.map(Box::new) });
            }
            Effect::ReadOperations { no } => self.spawn(no, Reply::Operations, async move { desk.operations(FINISHED_READ) }),
            Effect::ReadBakes { no } => self.spawn(no, Reply::Bakes, async move { desk.bakes(FINISHED_READ) }),
            Effect::ReadBakeLog { no, id, from } => {
                let name = id.clone();
                self.spawn(no, move |result| Reply::BakeLog(name.clone(), from, result), async move { desk.bake_log(&id, from) });
            }
            Effect::ReadRecipes { no } => self.spawn(no, Reply::Recipes, async move { lane(&*desk).await.map(Box::new) }),
            Effect::PlanBake { no, file, force } => self.spawn(no, Reply::BakePlanned, async move {
                let loaded = load(&file).map_err(DeskError::from)?;
                let wish = BakeWish { recipe: loaded.recipe, files: loaded.files, version: None, force, keep_on_failure: None };
                desk.plan_bake(&wish).await
            }),
            Effect::BeginBake { no, plan, reason } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::BakeBegun, async move {
                    let _guard = guard;
                    desk.begin_bake(&plan, reason).await
                });
            }
            Effect::Rebake { no, recipes, wave, reason } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Commanded, async move {
                    let _guard = guard;
                    desk.rebake(&recipes, wave, reason.as_ref())?;
                    Ok(format!("{} baked anew, {wave} at a time. It goes on without this screen", there_are(recipes.len(), "image")))
                });
            }
            Effect::ReadStory { no, image } => self.spawn(no, Reply::Story, async move {
                let name = ImageName { wanted: image.as_str().to_owned(), app: None };
                desk.image_story(&name).await.map(Box::new)
            }),
            Effect::ReadRetention { no } => {
                self.spawn(no, Reply::Retention, async move { desk.plan_gc(&GcPolicy::default()).await.map(Box::new) });
            }
            Effect::PlanImage { no, wish } => self.spawn(no, Reply::ImagePlanned, async move { desk.plan_image(&wish).await.map(Box::new) }),
            Effect::ChangeImage { no, wish } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Commanded, async move {
                    let _guard = guard;
                    desk.change_image(&desk.plan_image(&wish).await?).await
                });
            }
            Effect::ReadSources { no } => self.spawn(no, Reply::Sources, async move { desk.sources().map(Box::new) }),
            Effect::MakePlan { no, intent } => self.spawn(no, Reply::Planned, async move { desk.plan(&intent).await.map(Box::new) }),
            Effect::Execute { no, intent, plan, reason, typed } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Executed, async move {
                    let _guard = guard;
                    desk.execute(&intent, &plan, reason, typed).await
                });
            }
            Effect::Command { no, operation, kind, seen, reason, typed } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Commanded, async move {
                    let _guard = guard;
                    desk.command(&operation, kind, seen, reason, typed).await
                });
            }
            Effect::TakeOver { no, operation } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Commanded, async move {
                    let _guard = guard;
                    desk.take_over(&operation).await.map(|()| format!("{operation} has a driver again"))
                });
            }
            Effect::Freeze { no, fleet, length, reason } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Commanded, async move {
                    let _guard = guard;
                    let freeze = desk.freeze(fleet.as_ref(), length, reason).await?;
                    let scope = fleet.map_or_else(|| "All fleets are".to_owned(), |fleet| format!("{fleet} is"));
                    Ok(format!("{scope} frozen until {}", freeze.until.clock()))
                });
            }
            Effect::Unfreeze { no, fleet, reason } => {
                let guard = self.begin_sending();
                self.spawn(no, Reply::Commanded, async move {
                    let _guard = guard;
                    let lifted = desk.unfreeze(fleet.as_ref(), reason).await?;
                    Ok(lifted.map_or_else(|| "There was nothing to lift any more".to_owned(), |freeze| format!("Lifted: {}", freeze.described())))
                });
            }
            Effect::Rehearse { no, intent } => {
                let fleet = intent.fleet().clone();
                self.spawn(no, move |result| Reply::Rehearsed(fleet.clone(), result), async move { desk.rehearse(&intent).await.map(Box::new) });
            }
            Effect::PlanMany { no, intents } => {
                for intent in intents {
                    let (desk, fleet) = (Arc::clone(&self.desk), intent.fleet().clone());
                    let planned = move |result| Reply::PlannedOne(fleet.clone(), result);
                    self.spawn(no, planned, async move { desk.plan(&intent).await.map(Box::new) });
                }
            }
            Effect::ExecuteMany { no, orders, size, reason } => self.execute_many(no, orders, size, reason),
            Effect::CommandMany { no, errands, reason } => self.command_many(no, errands, reason.as_ref()),
            Effect::Copy(_) | Effect::Save | Effect::Bell | Effect::Suspend | Effect::Quit => {}
        }
    }

    /// Starts them in batches, the fast ones first; each is answered as soon as its driver has it.
    fn execute_many(&self, no: u64, orders: Vec<(Intent, Box<Plan>)>, size: usize, reason: Option<Untrusted>) {
        let (desk, data, guard) = (Arc::clone(&self.desk), self.data.clone(), self.begin_sending());
        let orders = orders.into_iter().map(|(intent, plan)| Order { intent, plan: *plan }).collect();
        let (told, mut answers) = tokio::sync::mpsc::unbounded_channel();
        self.workers.spawn(async move {
            let _guard = guard;
            // Nobody listens any more when the screen is being left.
            roll_back(&*desk, orders, size, reason, |fleet, result| drop(told.send(Reply::ExecutedOne(fleet, result)))).await;
        });
        self.workers.spawn(async move {
            while let Some(reply) = answers.recv().await {
                let _ = data.send(Message::Reply { no, reply }).await;
            }
        });
    }

    fn command_many(&self, no: u64, errands: Vec<Errand>, reason: Option<&Untrusted>) {
        for errand in errands {
            let (Ask::Command(kind), Some(fleet)) = (errand.ask, errand.fleet) else { continue };
            let (desk, guard, reason) = (Arc::clone(&self.desk), self.begin_sending(), reason.cloned());
            self.spawn(no, move |result| Reply::CommandedOne(fleet.clone(), result), async move {
                let _guard = guard;
                desk.command(&errand.operation, kind, errand.seen, reason, None).await
            });
        }
    }

    /// Does something short that may touch a disk, and tells the person what became of it.
    pub fn tell(&self, work: impl FnOnce() -> String + Send + 'static) {
        let data = self.data.clone();
        self.workers.spawn(async move {
            // Nobody listens any more when the screen is being left.
            let _ = data.send(Message::Told(work())).await;
        });
    }

    /// Does the work in a task of its own, so that even a fault inside it is answered.
    fn spawn<T: Send + 'static>(
        &self,
        no: u64,
        wrap: impl Fn(Result<T, DeskError>) -> Reply + Send + 'static,
        work: impl Future<Output = Result<T, DeskError>> + Send + 'static,
    ) {
        let (data, task) = (self.data.clone(), self.workers.spawn(work));
        self.workers.spawn(async move {
            let result = task.await.unwrap_or_else(|_| Err(fault()));
            // Nobody listens any more when the screen is being left.
            let _ = data.send(Message::Reply { no, reply: wrap(result) }).await;
        });
    }

    fn begin_sending(&self) -> SendingGuard {
        self.sending.fetch_add(1, Ordering::SeqCst);
        SendingGuard(Arc::clone(&self.sending))
    }
}

/// The recipes that are kept, and how far the newest image of each is behind its base.
async fn lane(desk: &dyn Desk) -> Result<Lane, DeskError> {
    let recipes = desk.recipes()?;
    let right: Vec<_> = recipes.iter().filter_map(|known| known.recipe.as_ref().ok()).map(|recipe| (**recipe).clone()).collect();
    let (behind, problem) = match desk.behind(&right).await {
        Ok(behind) => (behind, None),
        Err(error) => (Vec::new(), Some(Problem::from(&error))),
    };
    Ok(Lane { recipes, behind, problem, stopped: desk.waves_said()? })
}

/// Counts itself out when the answer is there, or will never be.
struct SendingGuard(Arc<AtomicUsize>);

impl Drop for SendingGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn fault() -> DeskError {
    DeskError::other("the request failed inside qd", "this is a fault of Quarterdeck: the log has the details, please report it")
}
