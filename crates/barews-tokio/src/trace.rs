//! Events for `tracing`; nothing without the feature.

use crate::{CloseFrame, Error, Role};

pub(crate) fn opened(role: Role, subprotocol: Option<&str>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(?role, subprotocol, "WebSocket opened");
    #[cfg(not(feature = "tracing"))]
    let _ = (role, subprotocol);
}

pub(crate) fn over(error: Option<&Error>, close: Option<&CloseFrame>) {
    #[cfg(feature = "tracing")]
    match error {
        Some(error) => tracing::debug!(%error, fault = ?error.fault(), "WebSocket failed"),
        None => tracing::debug!(close = ?close, "WebSocket closed"),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (error, close);
}

/// An attempt of a client that connects again.
pub(crate) fn not_connected(error: &Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%error, is_temporary = error.is_temporary(), "WebSocket not connected");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}
