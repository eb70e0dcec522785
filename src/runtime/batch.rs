//! Several rollbacks at once: those that are one weight change first, and only when their traffic is back the slow ones.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::domain::ids::{FleetName, OperationId};
use crate::domain::text::Untrusted;
use crate::operation::event::OperationState;
use crate::operation::intent::Intent;
use crate::operation::plan::{Friction, Plan};
use crate::operation::record::OperationView;
use crate::operation::status::WayBackLevel;
use crate::ports::desk::{Desk, DeskError};

/// The slow ones wait for the traffic of the fast ones, but no longer than this.
const FAST_PATIENCE: Duration = Duration::from_secs(30);
/// How often the store is asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One fleet's rollback, confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What is wanted.
    pub intent: Intent,
    /// The plan that was read.
    pub plan: Plan,
}

/// Starts every rollback, `size` at a time, and tells what became of each. One that is refused stops no other.
pub async fn roll_back(
    desk: &dyn Desk,
    orders: Vec<Order>,
    size: usize,
    reason: Option<Untrusted>,
    mut told: impl FnMut(FleetName, Result<OperationId, DeskError>) + Send,
) {
    let (fast, slow): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.plan.level == Some(WayBackLevel::R0));
    let begun = start(desk, &fast, size, reason.as_ref(), &mut told).await;
    if !slow.is_empty() {
        traffic_is_back(desk, &begun).await;
    }
    start(desk, &slow, size, reason.as_ref(), &mut told).await;
}

async fn start(
    desk: &dyn Desk,
    orders: &[Order],
    size: usize,
    reason: Option<&Untrusted>,
    told: &mut (impl FnMut(FleetName, Result<OperationId, DeskError>) + Send),
) -> Vec<OperationId> {
    let mut begun = Vec::new();
    for batch in orders.chunks(size.max(1)) {
        let work = batch.iter().map(|order| -> Work<'_, _> {
            let typed = matches!(order.plan.friction, Friction::Typed { .. }).then(|| Untrusted::from(order.plan.fleet.as_str()));
            let reason = reason.cloned();
            Box::pin(async move { (order.plan.fleet.clone(), desk.execute(&order.intent, &order.plan, reason, typed).await) })
        });
        for (fleet, result) in together(work.collect()).await {
            begun.extend(result.as_ref().ok().cloned());
            told(fleet, result);
        }
    }
    begun
}

/// Every one of these has its traffic on the target, or will not get it there by itself.
async fn traffic_is_back(desk: &dyn Desk, begun: &[OperationId]) {
    let asked = Instant::now();
    let stands = |view: &OperationView| matches!(view.state(), OperationState::Paused | OperationState::Holding) || view.state().is_final();
    let is_open = |view: &OperationView| view.progress.traffic_on_target_at.is_none() && !stands(view) && begun.contains(&view.operation.id);
    while asked.elapsed() < FAST_PATIENCE && desk.operations(0).is_ok_and(|all| all.iter().any(is_open)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Work that is waited for.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Does it all side by side; the answers in the order of the work.
pub async fn together<T: Send>(work: Vec<Work<'_, T>>) -> Vec<T> {
    let mut open: Vec<Option<Work<'_, T>>> = work.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = open.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (work, done) in open.iter_mut().zip(&mut done) {
            if let Some(Poll::Ready(answer)) = work.as_mut().map(|work| work.as_mut().poll(context)) {
                (*work, *done) = (None, Some(answer));
            }
        }
        if open.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_side_by_side_and_answered_in_order() {
        let began = Instant::now();
        let nap = |millis: u64| -> Work<'_, u64> {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                millis
            })
        };
        assert_eq!(together(vec![nap(120), nap(10), nap(60)]).await, [120, 10, 60]);
        assert!(began.elapsed() < Duration::from_millis(180));
        assert!(together(Vec::<Work<'_, u64>>::new()).await.is_empty());
    }
}
