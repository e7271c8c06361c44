//! A client that connects again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub use barews::deadlines::Backoff;
use barews::deadlines::Reconnect;
use futures_util::Stream;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::engine::random;
use crate::{Client, Error, MaybeTls, Response, WebSocket};

type Connected = Result<(WebSocket<MaybeTls<TcpStream>>, Response), Error>;

/// A stream of connections to one server: each call of [`next`](Self::next) connects, after the delay of an exponential
/// back-off with jitter.
///
/// A [temporary](Error::is_temporary) error is an item, for the log, and the stream goes on. Any other error is the
/// last item. The server's Retry-After is respected. A connection that was open for [`Backoff::success`] ends the
/// back-off: ask for the next one when it is over.
///
/// ```no_run
/// use barews_tokio::Client;
///
/// # async fn f() {
/// let mut connections = Client::new("ws://127.0.0.1:9001/").reconnecting();
/// while let Some(connected) = connections.next().await {
///     let mut socket = match connected {
///         Ok((socket, _)) => socket,
///         Err(error) => {
///             eprintln!("{error}");
///             continue;
///         }
///     };
///     while let Some(Ok(message)) = socket.next().await {
///         println!("{message:?}");
///     }
/// }
/// # }
/// ```
pub struct Reconnecting {
    client: Client,
    reconnect: Reconnect,
    start: Instant,
    /// How the last attempt ended: `None` before the first one, or with the delay that the server asks for.
    last: Option<Option<u32>>,
    attempt: Option<Pin<Box<dyn Future<Output = Connected> + Send>>>,
    is_over: bool,
}

impl std::fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconnecting")
            .field("client", &self.client)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}

impl Reconnecting {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            reconnect: Reconnect::new(Backoff::MILLISECONDS),
            start: Instant::now(),
            last: None,
            attempt: None,
            is_over: false,
        }
    }

    /// Sets the delays, in milliseconds. The default is [`Backoff::MILLISECONDS`]: at most 1 s after the first failure,
    /// at most 60 s after many.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.reconnect = Reconnect::new(backoff);
        self
    }

    /// Returns how many attempts have failed since the last success, at most 32.
    #[must_use]
    pub const fn failures(&self) -> u8 {
        self.reconnect.failures()
    }

    /// Connects. Returns `None` after an error that another attempt does not change. Cancel safe: the attempt goes on
    /// with the next call.
    ///
    /// # Errors
    ///
    /// Those of [`Client::connect`].
    pub async fn next(&mut self) -> Option<Connected> {
        std::future::poll_fn(|cx| self.poll_connected(cx)).await
    }

    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Option<Connected>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let attempt = self.attempt.get_or_insert_with(|| {
            let delay = match self.last {
                None => Duration::ZERO,
                Some(retry_after) => {
                    let now = self.start.elapsed().as_millis() as u64;
                    let retry_after = retry_after.map(|seconds| u64::from(seconds) * 1000);
                    let at = self.reconnect.on_end(now, u32::from_ne_bytes(random()), retry_after);
                    Duration::from_millis(at - now)
                }
            };
            let client = self.client.clone();
            Box::pin(async move {
                sleep(delay).await;
                client.connect().await
            })
        });
        let connected = ready!(attempt.as_mut().poll(cx));
        self.attempt = None;
        match &connected {
            Ok(_) => {
                self.reconnect.on_open(self.start.elapsed().as_millis() as u64);
                self.last = Some(None);
            }
            Err(error) => {
                self.is_over = !error.is_temporary();
                self.last = Some(error.retry_after());
                crate::trace::not_connected(error);
            }
        }
        Poll::Ready(Some(connected))
    }
}

impl Stream for Reconnecting {
    type Item = Connected;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_connected(cx)
    }
}
