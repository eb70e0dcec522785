//! A thousand fleets and fifty thousand servers: keys and frames cost what a screen full of rows costs, not what the estate does.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Session, buffer};
use crate::app::message::Reply;
use crate::app::{Effect, Message, fixture};
use crate::domain::time::Millis;

/// So many fleets of fifty servers each.
fn session(fleets: usize) -> Session {
    let mut session = Session::with(Some(fixture::canary()));
    session.model.size = (160, 45);
    session.wait(Millis::secs(16)).take(Message::Tick);
    let no = session.newest(|effect| if let Effect::ReadEstate { no } = effect { Some(*no) } else { None });
    let estate = fixture::big_estate(fleets, 50);
    session.take(Message::Reply { no, reply: Reply::Estate(Ok(Box::new(estate))) });
    session
}

/// What this thread computed so far: a machine that does other things too does not make it more.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
}

/// The best of many runs of each, taken in turns.
fn best<const N: usize>(mut work: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..40 {
        for (work, best) in work.iter_mut().zip(&mut best) {
            let began = spent();
            work();
            *best = (*best).min(spent() - began);
        }
    }
    best
}

#[test]
fn a_frame_of_a_thousand_fleets_costs_less_than_two_of_ten() {
    let (few, many) = (session(10), session(1_000));
    let [few, many] = best([&mut || drop(buffer(&few.model, 160, 45)), &mut || drop(buffer(&many.model, 160, 45))]);
    println!("a frame: {few:?} with 10 fleets, {many:?} with 1000");
    assert!(many < few * 2, "{few:?} with 10 fleets, {many:?} with 1000");
}

#[test]
fn a_key_of_the_filter_takes_under_eight_milliseconds_with_fifty_thousand_servers() {
    let mut session = session(1_000);
    session.press("/");
    let [key] = best([&mut || {
        session.press_now("9").press_now("backspace");
    }]);
    println!("two keys of the filter: {key:?}");
    assert!(key < Duration::from_millis(16), "{key:?} for two keys, unoptimised");
    session.press_now("9").expect("fleet-0009").expect_not("fleet-0008");
}

#[test]
fn the_palette_finds_one_of_a_thousand_fleets_as_it_is_typed() {
    let mut session = session(1_000);
    session.press(":").type_text("0777").expect("> fleet    fleet-0777").press("enter").expect("fleet-0777  no operation");
}
