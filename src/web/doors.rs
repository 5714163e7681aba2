//! Opens the doors, again and again as long as they cannot be had, and accepts what comes in.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::connections::{Seat, Shared, connect, refuse};
use super::guard::Peer;
use super::listen::{self, Closed, UnixDoor};
use super::source::Source;
use crate::answers::reach::Reach;

/// A peer that acknowledges nothing for so long is gone, in milliseconds.
const UNACKNOWLEDGED_MAX_MS: u32 = 30_000;

/// Between tries to open a door that could not be opened.
const DOOR_RETRY: Duration = Duration::from_secs(5);

/// Between tries to accept while the process may open no more descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// A door that is to be opened, however often that fails.
struct Trying {
    name: String,
    source: Source,
    said: String,
}

impl Trying {
    fn new(name: impl Into<String>, source: Source) -> Trying {
        Trying {
            name: name.into(),
            source,
            said: String::new(),
        }
    }

    /// Says why it is not open, once for each reason, and waits.
    async fn wait(&mut self, closed: Closed) {
        let why = closed.to_string();
        if why != self.said {
            if is_passing(&closed) {
                debug!("{why}");
            } else {
                let remedy = remedy(&closed);
                warn!(remedy, "{why}; counting goes on, and it is tried again");
                let told = format!("{why}: {remedy}");
                self.source.tell_door(&self.name, Some(told));
            }
            self.said = why;
        }
        sleep(DOOR_RETRY).await;
    }

    fn opened(self) {
        self.source.tell_door(&self.name, None);
    }
}

/// Whether it is nothing to be told: a directory that is about to be made, a machine without IPv6.
fn is_passing(closed: &Closed) -> bool {
    match closed {
        Closed::Taken(_) => false,
        Closed::Refused(_, error) => {
            use io::ErrorKind as K;
            let no_family = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
            matches!(error.kind(), K::NotFound | K::AddrNotAvailable)
                || error.raw_os_error() == Some(no_family)
        }
    }
}

fn remedy(closed: &Closed) -> &'static str {
    match closed {
        Closed::Taken(_) => "end the other one",
        Closed::Refused(_, error) => match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has the port (`ss -ltnp` shows which): end it, or name another port in [web] of \
                 powerlogger.toml"
            }
            io::ErrorKind::PermissionDenied => {
                "name a port above 1023 in [web] of powerlogger.toml"
            }
            _ => "look at [web] in powerlogger.toml",
        },
    }
}

/// Serves the unix socket in `dir`, until it is aborted; not while the journal is closed, because a socket keeps
/// the file system busy that is to be unmounted.
pub(super) async fn keep_unix(dir: PathBuf, shared: Arc<Shared>, source: Source) {
    let mut directory = source.directory();
    while directory.wait_for(|is_used| *is_used).await.is_ok() {
        let (door, listener) = open_unix(&dir, source.clone()).await;
        tokio::select! {
            () = accept_unix(&listener, &shared) => {}
            _ = directory.wait_for(|is_used| !*is_used) => {}
        }
        drop(listener);
        // The disk may hang.
        let _ = tokio::task::spawn_blocking(move || drop(door)).await;
    }
}

/// Opens the unix socket, however often that fails.
async fn open_unix(dir: &Path, source: Source) -> (UnixDoor, UnixListener) {
    let mut trying = Trying::new("unix", source);
    let open = loop {
        let dir = dir.to_owned();
        // A disk that does not answer is waited for elsewhere.
        let opening = tokio::task::spawn_blocking(move || listen::unix(&dir)).await;
        let failed = |error| Closed::Refused("the unix socket".to_owned(), error);
        let opened = opening.map_err(|error| failed(io::Error::other(error)));
        let opened = opened.and_then(|opened| opened).and_then(|door| {
            let listener = door.listener.try_clone().and_then(UnixListener::from_std);
            Ok((door, listener.map_err(failed)?))
        });
        match opened {
            Ok(open) => break open,
            Err(closed) => trying.wait(closed).await,
        }
    };
    trying.opened();
    open
}

async fn accept_unix(listener: &UnixListener, shared: &Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match Arc::clone(&shared.over_unix).try_acquire_owned() {
                Ok(permit) => connect(stream, Peer::Unix, permit, None, shared),
                Err(_) => refuse(stream, shared),
            },
            Err(error) => not_accepted(&error).await,
        }
    }
}

/// Serves a TCP address, until it is aborted.
pub(super) async fn keep_tcp(address: SocketAddr, shared: Arc<Shared>, source: Source) {
    let mut trying = Trying::new(address.to_string(), source);
    let listener = loop {
        let failed = |error| Closed::Refused(address.to_string(), error);
        let opened = listen::tcp(address);
        match opened.and_then(|listener| TcpListener::from_std(listener).map_err(failed)) {
            Ok(listener) => break listener,
            Err(closed) => trying.wait(closed).await,
        }
    };
    trying.opened();
    let pages = listener.local_addr().map(|at| Reach::look().pages_at(at));
    match pages.unwrap_or_default().join(" ") {
        // For a kind of network that this machine is not in.
        none if none.is_empty() => debug!(%address, "the page and the API are served"),
        url => info!(url, "the page and the API are served"),
    }
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer.ip().to_canonical(), &shared),
            Err(error) => not_accepted(&error).await,
        }
    }
}

/// Lets a connection in, or tells it that there are too many.
fn admit(stream: TcpStream, peer: IpAddr, shared: &Arc<Shared>) {
    let _ = sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MAX_MS);
    let _ = stream.set_nodelay(true);
    let permit = Arc::clone(&shared.over_tcp).try_acquire_owned();
    let seat = Seat::take(peer, shared);
    match (permit, seat) {
        (Ok(permit), Ok(seat)) => connect(stream, Peer::Tcp(peer), permit, seat, shared),
        _ => refuse(stream, shared),
    }
}

/// Waits where nothing can be accepted now, such as while the process may open no more descriptors.
async fn not_accepted(error: &io::Error) {
    warn!(%error, "a connection cannot be accepted; trying again");
    sleep(ACCEPT_RETRY).await;
}
