//! A port of this machine that stays a test's own while nothing listens there.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

/// A port of the loopback that the system gives to nobody else. Who is told of it may listen there, stop, and
/// listen again; while none listens a connection is refused.
#[derive(Debug)]
pub struct Port {
    /// Bound, but it does not listen: so the port is neither chosen for another socket, nor refused to one that asks
    /// for it by its number and may share it (SO_REUSEADDR), as servers do.
    kept: TcpListener,
}

impl Port {
    /// A port of the system's choice.
    pub fn keep() -> Port {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
            .expect("a descriptor");
        sockopt::set_socket_reuseaddr(&socket, true).expect("a new socket");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        Port {
            kept: TcpListener::from(socket),
        }
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.kept.local_addr().expect("it is bound").port()
    }
}

#[test]
fn a_kept_port_is_given_to_nobody_and_refuses_while_none_listens() {
    use std::net::TcpStream;
    let port = Port::keep();
    let there = (Ipv4Addr::LOCALHOST, port.number());
    for _ in 0..3 {
        assert!(TcpStream::connect(there).is_err());
        let listener = TcpListener::bind(there).expect("the port is ours");
        TcpStream::connect(there).expect("it listens");
        drop(listener);
    }
    let others: Vec<Port> = (0..500).map(|_| Port::keep()).collect();
    assert!(others.iter().all(|other| other.number() != port.number()));
}
