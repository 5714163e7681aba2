//! A port of this machine that stays a test's own while nothing listens there.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, bind, shutdown, socket_with, sockopt,
};

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

/// Ends listening at once, and whoever waits in `accept`. To drop the listener is not enough: a process that another
/// test is about to start another program in has a copy of it until then, and a port is not had again meanwhile.
pub fn close(listener: &TcpListener) {
    // It may have ended.
    let _ = shutdown(listener, Shutdown::Both);
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
        let copy = listener.try_clone().expect("a descriptor");
        close(&listener);
        let again = TcpListener::bind(there).expect("although a copy is open");
        close(&again);
        drop(copy);
    }
    let others: Vec<Port> = (0..500).map(|_| Port::keep()).collect();
    assert!(others.iter().all(|other| other.number() != port.number()));
}
