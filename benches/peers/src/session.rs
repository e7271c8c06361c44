//! What is timed: one pass of a peer over the stream of its socket, or over the messages to send. And how futures are driven.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::runtime::{Builder, Runtime};

/// Runs until there is nothing to read, or everything is sent. A connection is kept for all passes of a run.
pub type Session = Box<dyn FnMut()>;

/// A session of a future that waits without end once there is nothing to read.
pub fn of_future(future: impl Future<Output = ()> + 'static) -> Session {
    let runtime = runtime();
    let mut future = Box::pin(future);
    Box::new(move || {
        let _inside = runtime.enter();
        let pass = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(pass.is_pending(), "the connection has ended");
    })
}

/// A session of a future that receives, and ends only with an error.
pub fn receiving(future: impl Future<Output = impl Debug> + 'static) -> Session {
    of_future(async { panic!("{:?}", future.await) })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime for timers")
}

/// Polls until the future is done, or waits for bytes that never arrive. There is a runtime for timers, but no time passes.
pub fn drive(future: impl Future<Output = ()>) {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let runtime = runtime();
    let _inside = runtime.enter();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::Relaxed) {
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
    }
}

/// Ends a pass of [`of_future`].
pub async fn end_of_pass() {
    let mut is_next = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut is_next, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Returns whether a future that does not wait succeeds.
pub fn is_done<T, E>(future: impl Future<Output = Result<T, E>>) -> bool {
    let done = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    std::hint::black_box(matches!(done, Poll::Ready(Ok(_))))
}
