//! What the Rust servers share: their arguments, TCP and TLS, and the list of receivers of a broadcast.
//!
//! A server is called as `NAME PORT [MODE [READ_BUFFER]]`. The mode is one of `echo`, `deflate`, `broadcast`, and
//! `tls=CERTIFICATE`, the file to which the server writes its certificate.

#[path = "../../../examples/hosts/src/tls.rs"]
pub mod tls;

use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A connection's transport.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// An implementation that is measured.
pub trait Server: Copy + Send + 'static {
    const NAME: &str;

    fn new(options: Options) -> Self;
    fn serve(self, stream: impl Io) -> impl Future<Output = Result> + Send;
}

#[derive(Clone, Copy)]
pub struct Options {
    pub deflate: bool,
    pub broadcast: bool,
    pub read_buffer: Option<usize>,
}

/// Serves each connection in a task of its own, all on one thread.
pub fn run<S: Server>() -> Result {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("usage: PORT [echo|deflate|broadcast|tls=CERTIFICATE [READ_BUFFER]]")?;
    let mode = arguments.next().unwrap_or_default();
    let read_buffer = arguments.next().map(|size| size.parse()).transpose()?;
    let tls = mode.strip_prefix("tls=").map(|certificate| tls::server(Path::new(certificate), b"http/1.1"));
    let acceptor = tls.transpose()?.map(TlsAcceptor::from);
    let server = S::new(Options { deflate: mode == "deflate", broadcast: mode == "broadcast", read_buffer });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // Two tasks, so that one without TLS is not as large as one with it.
            match acceptor.clone() {
                None => spawn(async move { report(S::NAME, server.serve(stream).await) }),
                Some(acceptor) => spawn(async move {
                    match acceptor.accept(stream).await {
                        Ok(stream) => report(S::NAME, server.serve(stream).await),
                        Err(error) => report(S::NAME, Err(error.into())),
                    }
                }),
            }
        }
    })
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(tokio::task::unconstrained(task));
}

fn report(name: &str, served: Result) {
    if let Err(error) = served {
        eprintln!("{name}: {error}");
    }
}

/// The connections that receive each message of a broadcast, with a queue for each.
pub struct Hub<M>(Mutex<Vec<UnboundedSender<M>>>);

impl<M: Clone> Hub<M> {
    #[allow(clippy::new_without_default)] // a `static` needs a constant
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub fn join(&self) -> UnboundedReceiver<M> {
        let (queue, receiver) = unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
        receiver
    }

    /// Queues a message for everyone, and forgets those that have left.
    pub fn say(&self, message: &M) {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| queue.send(message.clone()).is_ok());
    }
}
