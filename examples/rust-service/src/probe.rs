//! The health check: asks the service as a client would.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

/// How long the service may take to connect, to read and to answer, each.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns an error unless the service that listens on `address` is healthy.
pub fn check(address: &str) -> io::Result<()> {
    match status(address, "/health")? {
        200 => Ok(()),
        other => Err(io::Error::other(format!("/health answered {other}"))),
    }
}

/// Asks for `path`, and returns the status of the answer.
pub fn status(address: &str, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&reachable(address)?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    line.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no status in {line:?}")))
}

/// Who listens on every address is reached on loopback.
fn reachable(address: &str) -> io::Result<SocketAddr> {
    let mut found = address.to_socket_addrs()?.next().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("no address in {address:?}"),
        )
    })?;
    if found.ip().is_unspecified() {
        found.set_ip(if found.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_who_listens_everywhere() {
        for (address, want) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(address).unwrap().to_string(), want);
        }
    }

    #[test]
    fn says_that_nobody_listens() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(
            check(&free.to_string()).unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }
}
