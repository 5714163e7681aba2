//! Connections and their limits: how many there may be, how each is served, how one too many is refused.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tracing::debug;

use super::deadline::{Deadline, WRITE_MAX};
use super::guard::Peer;

/// A head must be there within this, also the next one on a connection that is kept.
const HEAD_MAX: Duration = Duration::from_secs(5);

/// Bytes of a head; hyper takes no less.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Connections over TCP, those of one peer among them, and those over the unix socket, which the others cannot use up.
const CONNECTIONS_MAX: usize = 128;
const OF_A_PEER_MAX: usize = 32;
const OVER_UNIX_MAX: usize = 32;

/// Connections that are told at a time that there are too many.
const REFUSALS_MAX: usize = 16;

/// How long such a refusal may take.
const REFUSAL_MAX: Duration = Duration::from_secs(1);

/// Too many connections.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
Retry-After: 5\r\nConnection: close\r\nContent-Length: 180\r\n\r\n\
{\"type\":\"/problems/busy\",\"title\":\"The daemon is busy with other questions\",\"status\":503,\
\"detail\":\"as many connections are open as may be\",\"remedy\":\"Ask again in some seconds.\"}   \n";

/// What all connections have in common.
pub(super) struct Shared {
    service: TowerToHyperService<Router>,
    ending: watch::Receiver<bool>,
    pub(super) over_tcp: Arc<Semaphore>,
    pub(super) over_unix: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    /// With no connection yet.
    pub(super) fn new(router: Router, ending: watch::Receiver<bool>) -> Shared {
        Shared {
            service: TowerToHyperService::new(router),
            ending,
            over_tcp: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            over_unix: Arc::new(Semaphore::new(OVER_UNIX_MAX)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            peers: Mutex::default(),
        }
    }

    /// Waits until all connections are closed.
    pub(super) async fn closed(&self) {
        let all = [
            (&self.over_tcp, CONNECTIONS_MAX),
            (&self.over_unix, OVER_UNIX_MAX),
        ];
        for (semaphore, most) in all {
            let most = u32::try_from(most).expect("a small number");
            let _ = semaphore.acquire_many(most).await;
        }
    }
}

/// Waits for the end. That the side which could ask for it is gone is the end, too.
pub(super) async fn over(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ended| *ended).await;
}

/// One of the connections that a peer may have.
pub(super) struct Seat {
    peer: IpAddr,
    shared: Arc<Shared>,
}

impl Seat {
    /// None: the peer is this machine, and may have all. Err: it has as many as it may have.
    pub(super) fn take(peer: IpAddr, shared: &Arc<Shared>) -> Result<Option<Seat>, ()> {
        if peer.is_loopback() {
            return Ok(None);
        }
        let peer = household(peer);
        let mut peers = shared.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = peers.entry(peer).or_default();
        if *taken >= OF_A_PEER_MAX {
            return Err(());
        }
        *taken += 1;
        let shared = Arc::clone(shared);
        Ok(Some(Seat { peer, shared }))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let peers = &self.shared.peers;
        let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = peers.get_mut(&self.peer) {
            *taken -= 1;
            if *taken == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

/// A machine has as many IPv6 addresses of its network as it likes.
pub(super) fn household(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
    }
}

/// Serves a connection in a task of its own.
pub(super) fn connect<S>(
    stream: S,
    peer: Peer,
    permit: OwnedSemaphorePermit,
    seat: Option<Seat>,
    shared: &Arc<Shared>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (inner, mut ending) = (shared.service.clone(), shared.ending.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        inner.call(request)
    });
    tokio::spawn(async move {
        let _held = (permit, seat);
        let io = TokioIo::new(Deadline::new(stream, WRITE_MAX));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            served = connection.as_mut() => served,
            () = over(&mut ending) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection has ended");
        }
    });
}

/// Tells a connection that there are too many, as far as there is room for that.
pub(super) fn refuse<S>(mut stream: S, shared: &Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(permit) = Arc::clone(&shared.refusals).try_acquire_owned() else {
        return;
    };
    tokio::spawn(async move {
        let _held = permit;
        let told = async {
            stream.write_all(TOO_MANY).await?;
            stream.shutdown().await?;
            // What was sent is read: closing a socket with unread bytes takes the answer back.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = timeout(REFUSAL_MAX, told).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let text = std::str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{}",
            body.len()
        );
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], 503);
    }

    #[test]
    fn one_household_is_one_peer() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.168.1.1"), of("192.168.1.2"));
    }
}
