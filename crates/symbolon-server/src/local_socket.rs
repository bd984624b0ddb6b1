//! The node's local socket, for root on its machine: who can open it has the right to what
//! [`Operation::is_local`](symbolon_core::Operation::is_local) names, and needs no account. It answers by the
//! services of the API port, also where nothing can be written.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use symbolon_grpc::{Health, LocalRoot};
use symbolon_service::Service;
use tokio::net::UnixListener;

use crate::disk;
use crate::failure::{Failure, chain};
use crate::listener::{Gate, Limits, Passage, Port, serve_local};
use crate::stop::Stop;

const FILE: &str = "run/admin.sock";

/// A socket that is served by nobody else. Its file goes when it does, however the process comes to its end,
/// unless that is by force.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    listener: UnixListener,
    file: SocketFile,
}

#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // What is left is made anew at the next start.
        let _ = disk::remove(&self.0);
    }
}

/// Where the socket of a data directory is.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// Makes the socket anew, in a directory that others cannot enter.
pub(crate) fn bind(data_dir: &Path) -> Result<LocalSocket, Failure> {
    let path = path(data_dir);
    let shown = path.display();
    let failed = |error: &io::Error| {
        Failure::new(
            Failure::GENERAL,
            format!("the local socket {shown} cannot be made: {error}"),
            "See that the data directory is the service's, and that nothing else has that name.",
        )
    };
    let bound = || {
        path.parent().map_or(Ok(()), disk::private_directory)?;
        let (name, _directory) = disk::short_name(&path)?;
        match UnixStream::connect(&name) {
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Left by a process that has ended.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => disk::remove(&name)?,
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&name)?;
        disk::make_private(&name)?;
        Ok(Some(LocalSocket { listener, file: SocketFile(path.clone()) }))
    };
    bound().map_err(|error| failed(&error))?.ok_or_else(|| {
        Failure::new(
            Failure::GENERAL,
            format!("another process serves the local socket {shown}"),
            "A server of this node runs already: ask that one, or stop it first.",
        )
    })
}

/// Serves it until `stop`.
pub(crate) fn serve(
    socket: LocalSocket,
    service: &Arc<Service>,
    health: &Health,
    stop: &Stop,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let odd = |error: &dyn std::error::Error| {
        Failure::new(Failure::GENERAL, chain(error), "Use another build of the program.")
    };
    let routes = symbolon_grpc::routes(service, health).map_err(|error| odd(&error))?;
    let app = routes.prepare().into_axum_router();
    let port = Port { name: "local", limits: Limits::LOCAL, strangers: None, gate: for_root() };
    let stop = stop.clone();
    Ok(async move {
        let LocalSocket { listener, file: _file } = socket;
        let drained = serve_local(listener, port, app, stop).await;
        if drained.cut > 0 {
            tracing::warn!(connections = drained.cut, "connections of the local socket were cut");
        }
    })
}

/// Says of each call that it is root's.
fn for_root() -> Gate {
    Arc::new(|parts| {
        parts.extensions.insert(LocalRoot);
        Passage::within(symbolon_grpc::longest_call(parts.uri.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_was_left_is_made_anew_and_one_that_is_served_is_not_taken() {
        let place = tempfile::tempdir().unwrap();
        // Longer than the name of a socket may be.
        let data_dir = place.path().join("d".repeat(120));
        for _ in 0..2 {
            let socket = bind(&data_dir).unwrap();
            assert_eq!(disk::mode(&path(&data_dir)).unwrap(), 0o600);
            assert_eq!(disk::mode(&data_dir.join("run")).unwrap(), 0o700);
            let refused = bind(&data_dir).unwrap_err();
            assert!(refused.what.contains("another process serves"), "{refused}");
            drop(socket);
            assert!(!disk::exists(&path(&data_dir)), "it goes with who served it");
        }
        // Of one that was killed.
        let (name, _directory) = disk::short_name(&path(&data_dir)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(name).unwrap());
        assert!(disk::exists(&path(&data_dir)));
        drop(bind(&data_dir).unwrap());
    }
}
