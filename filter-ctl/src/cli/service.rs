//! The running service, for commands that are not asynchronous themselves.

use std::path::Path;

use crate::http::client::{Client, ClientError};

/// The way to the service.
#[derive(Clone, Debug)]
pub struct Service {
    client: Client,
}

impl Service {
    /// The service behind that socket.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            client: Client::new(socket),
        }
    }

    /// Asks, and waits for the answer.
    pub fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ClientError::Broken {
                reason: error.to_string(),
                change: false,
            })?;
        runtime.block_on(question(&self.client))
    }
}
