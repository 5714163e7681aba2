//! The connection to a broker: TCP, or TLS over it, with a limit of time for each piece.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::trouble::BrokerFailure;
use crate::config::BrokerAddress;
use crate::tls::{TlsError, client_config};

/// How long a connection may take to come about, to each address of the broker,
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// and a piece of it to be sent, or to come.
const PIECE_MAX: Duration = Duration::from_secs(10);

/// So much is read at a time.
const READ_BYTES: usize = 16 << 10;

/// An open connection.
#[derive(Debug)]
pub(super) enum Wire {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// Connects. The name is looked up each time: an address may have changed.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn connect(
        broker: &BrokerAddress,
        ca_file: Option<&Path>,
    ) -> Result<Wire, BrokerFailure> {
        // Certificates first: without them nothing need be asked.
        let tls = broker
            .is_tls
            .then(|| client_config(ca_file).map_err(|error| BrokerFailure::Refused(shown(&error))))
            .transpose()?;
        let stream = tcp(broker).map_err(|error| BrokerFailure::Away(error.to_string()))?;
        let Some(config) = tls else {
            return Ok(Wire::Plain(stream));
        };
        let name = ServerName::try_from(broker.host.clone()).map_err(|_| {
            BrokerFailure::Refused(format!(
                "a certificate cannot bear the name {}",
                broker.host
            ))
        })?;
        let failed = |error: rustls::Error| BrokerFailure::Refused(error.to_string());
        let mut session = ClientConnection::new(config, name).map_err(failed)?;
        let mut stream = stream;
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(of_handshake)?;
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(session, stream))))
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(tls) => &tls.sock,
        }
    }

    /// Our own address on the way to the broker.
    pub(super) fn local_ip(&self) -> Option<IpAddr> {
        Some(self.stream().local_addr().ok()?.ip())
    }

    /// What tells whether there is something to read.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream().as_fd()
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// When the connection has broken, or the broker takes nothing for too long.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match self {
            Wire::Plain(stream) => stream.write_all(bytes),
            Wire::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// What has come, where [`Wire::descriptor`] says that something has; it may be nothing of a message.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(super) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; READ_BYTES];
        match self {
            Wire::Plain(stream) => {
                let length = stream.read(&mut bytes)?;
                if length == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                bytes.truncate(length);
            }
            Wire::Tls(tls) => {
                if tls.conn.read_tls(&mut tls.sock)? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                tls.conn.process_new_packets().map_err(io::Error::other)?;
                let mut plain = Vec::new();
                loop {
                    match tls.conn.reader().read(&mut bytes) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(length) => plain.extend(&bytes[..length]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
                bytes = plain;
                // An answer of TLS itself, such as to a change of keys.
                while tls.conn.wants_write() {
                    tls.conn.write_tls(&mut tls.sock)?;
                }
            }
        }
        Ok(bytes)
    }
}

/// Why a connection is of no use any more, by what sending or receiving has answered.
pub(super) fn why_broken(error: &io::Error) -> String {
    if error.kind() == ErrorKind::UnexpectedEof {
        "it has ended the connection".to_owned()
    } else {
        format!("the connection broke: {error}")
    }
}

/// A connection to the first address of the broker that takes one.
fn tcp(broker: &BrokerAddress) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "its name has no address");
    for address in (broker.host.as_str(), broker.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_MAX) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PIECE_MAX))?;
                stream.set_write_timeout(Some(PIECE_MAX))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Why a handshake has failed: by what one of the two sides holds for wrong, or because none answers.
fn of_handshake(error: io::Error) -> BrokerFailure {
    let inner = error.get_ref();
    let of_tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match of_tls {
        Some(rustls::Error::InvalidCertificate(_)) => BrokerFailure::Refused(format!(
            "{error}; if the broker's certificate is your own, name it in mqtt.ca_file"
        )),
        Some(_) => BrokerFailure::Refused(format!(
            "{error}; does this port speak TLS? mqtt:// is without, mqtts:// with it"
        )),
        None => BrokerFailure::Away(format!("no secure connection: {error}")),
    }
}

/// An error with what caused it.
fn shown(error: &TlsError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
