//! The control socket: its file, and the connections to it.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _, chown},
        net::UnixStream as StdUnixStream,
    },
    path::Path,
};

use axum::Extension;
use tokio::{
    net::{UnixListener, UnixStream},
    task::spawn_blocking,
};

use super::{
    ListenError,
    connection::{Places, accept_failed, answer},
    peer::{self, READ_GROUP},
    routes,
};
use crate::daemon::handle::Handle;

/// The mode of the socket: its owner and its group may connect.
const SOCKET_MODE: u32 = 0o660;
/// The mode of its directory, where that has to be made.
const DIRECTORY_MODE: u32 = 0o755;

/// Opens the control socket. A socket that nobody answers any more is replaced.
///
/// Has to be called inside the runtime.
pub fn bind(path: &Path) -> Result<UnixListener, ListenError> {
    let error = |action| {
        move |source| ListenError::Socket {
            action,
            path: path.to_owned(),
            source,
        }
    };
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(error("create the directory of"))?;
    }
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(error("open"))?;
    if let Some(group) = peer::group(READ_GROUP) {
        chown(path, None, Some(group)).map_err(error("give to its group"))?;
    } else {
        tracing::info!("there is no group `{READ_GROUP}`, so only root can use the control socket");
    }
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))
        .map_err(error("set the mode of"))?;
    Ok(listener)
}

fn remove_stale(path: &Path) -> Result<(), ListenError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(ListenError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
        Err(_) => return Ok(()),
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|source| ListenError::Socket {
                action: "replace",
                path: path.to_owned(),
                source,
            }),
        _ => Err(ListenError::Served(path.to_owned())),
    }
}

/// Answers requests for as long as it is polled.
pub async fn serve(listener: UnixListener, handle: Handle) {
    let router = routes::router(handle);
    let places = Places::new();
    while let Some(place) = places.take().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    let _place = place;
                    if let Some(peer) = peer_of(&stream).await {
                        answer(stream, router.layer(Extension(peer))).await;
                    }
                });
            }
            Err(error) => accept_failed("control socket", &error).await,
        }
    }
}

async fn peer_of(stream: &UnixStream) -> Option<peer::Peer> {
    let credentials = stream.peer_cred().ok()?;
    spawn_blocking(move || peer::look_up(credentials.uid(), credentials.gid()))
        .await
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        daemon::{handle::Actor, view::View},
        http::{
            client::{Bundle, Client, ClientError},
            peer::{Peer, Role},
            samples,
            wire::{CaptureRequest, RefusalKind},
        },
    };

    /// A client that the service takes for somebody with that role.
    fn client_with(role: Role, directory: &Path) -> Client {
        let socket = directory.join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let view = View {
            status: samples::status(),
            ..View::starting()
        };
        let (handle, commands) = Handle::for_test(view, directory);
        handle.spool().clear().unwrap();
        // Nothing may arrive there.
        drop(commands);
        let actor = Actor {
            uid: Some(1000),
            name: "alice".to_owned(),
        };
        let router = routes::router(handle).layer(Extension(Peer { actor, role }));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, router.clone()));
            }
        });
        Client::new(&socket)
    }

    #[tokio::test]
    async fn a_reader_may_read_and_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let client = client_with(Role::Reader, directory.path());
        assert_eq!(client.status().await.unwrap(), samples::status());
        let refused = |result| match result {
            Err(ClientError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        let refusal = refused(client.reload().await.map(drop));
        assert_eq!(refusal.kind, RefusalKind::Forbidden);
        let expected = "alice may not change this: it takes root or a member of the group \
                        `levee-admin`";
        assert_eq!(refusal.error, expected);
        let capture = |whole_addresses| CaptureRequest {
            seconds: 1,
            packets: 1,
            reason: None,
            whole_addresses,
        };
        let asked = async |whole| client.capture(&capture(whole), |_| Ok(())).await.map(drop);
        assert_eq!(refused(asked(true).await).kind, RefusalKind::Forbidden);
        assert_eq!(refused(asked(false).await).code, "samples_off");
        // The answer comes while the body is still on its way.
        let bundle = Bundle {
            feed: None,
            bytes: &vec![b'x'; 32 << 20],
            signatures: &[],
        };
        let refusal = refused(client.apply(&bundle).await.map(drop));
        assert_eq!(refusal.kind, RefusalKind::Forbidden);
    }

    #[tokio::test]
    async fn nobody_else_may_even_read() {
        let directory = tempfile::tempdir().unwrap();
        let client = client_with(Role::Nobody, directory.path());
        let Err(ClientError::Refused(refusal)) = client.status().await else {
            panic!("a stranger read the status");
        };
        assert_eq!(refusal.code, "forbidden");
    }
}
