//! What is timed: one pass of a peer over what its socket brings, or over the messages that it has to send.

use std::task::{Context, Poll, Waker};

/// Goes on until there is nothing to read, or everything is sent. A connection lives through all passes of a run.
pub type Session = Box<dyn FnMut()>;

/// A session of a future that waits for ever once there is nothing to read.
pub fn of_future(future: impl Future<Output = ()> + 'static) -> Session {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime for timers");
    let mut future = Box::pin(future);
    Box::new(move || {
        let _inside = runtime.enter();
        let pass = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(pass.is_pending(), "the connection has ended");
    })
}

/// Ends a pass of [`of_future`].
pub async fn end_of_pass() {
    let mut is_next = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut is_next, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Whether a future that does not wait succeeds.
pub fn is_done<T, E>(future: impl Future<Output = Result<T, E>>) -> bool {
    let done = std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    std::hint::black_box(matches!(done, Poll::Ready(Ok(_))))
}
