//! Bytes that come in: counted and hashed on their way to the file.

use sha2::{Digest as _, Sha256};
use tokio::{
    fs::{File, OpenOptions},
    io::AsyncWriteExt as _,
};

use super::{SpoolError, SpoolFile};
use crate::{
    durable::{DurableError, FILE_MODE},
    order::Input,
};

/// Something that is being received. Dropped before its end, it is gone.
#[derive(Debug)]
pub struct Receiving {
    stream: File,
    file: SpoolFile,
    hash: Sha256,
    length: u64,
    bytes_max: u64,
}

impl Receiving {
    pub(super) async fn begin(file: SpoolFile, bytes_max: u64) -> Result<Self, DurableError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        let stream = options.open(file.path()).await;
        Ok(Self {
            stream: stream.map_err(DurableError::at("create", file.path()))?,
            file,
            hash: Sha256::new(),
            length: 0,
            bytes_max,
        })
    }

    /// Takes the next bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.length += bytes.len() as u64;
        if self.length > self.bytes_max {
            return Err(SpoolError::TooLong {
                max: self.bytes_max,
            });
        }
        self.hash.update(bytes);
        let written = self.stream.write_all(bytes).await;
        Ok(written.map_err(DurableError::at("write", self.file.path()))?)
    }

    /// That was all. It is synchronised only once it is admitted: what is refused costs the disk nothing.
    pub async fn finish(mut self) -> Result<Input, SpoolError> {
        // A file of tokio's has its last bytes on their way until it is flushed.
        let flushed = self.stream.flush().await;
        flushed.map_err(DurableError::at("write", self.file.path()))?;
        drop(self.stream);
        Ok(Input::spooled(self.file, self.hash.finalize().into())?)
    }
}
