//! The address that a server listens on, by number or by name.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use anyhow::Context as _;

/// The value of `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListenAddress {
    Number(SocketAddr),
    Name { host: String, port: u16 },
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if let Ok(number) = given.parse() {
            return Ok(Self::Number(number));
        }
        if given.contains("://") {
            return Err("give HOST:PORT, not a URL".to_owned());
        }
        let Some((host, port)) = given.rsplit_once(':') else {
            return Err("give HOST:PORT, such as 127.0.0.1:50051".to_owned());
        };
        if host.is_empty() {
            return Err(format!(
                "no host is named; 127.0.0.1:{port} is this machine alone, \
                 0.0.0.0:{port} all its addresses"
            ));
        }
        if host.contains([':', '[', ']']) {
            return Err("give an IPv6 address in brackets, such as [::1]:50051".to_owned());
        }
        let port = port
            .parse()
            .map_err(|_| format!("the port {port:?} is not a number from 0 to 65535"))?;
        let looks_like_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if looks_like_number && host.parse::<Ipv4Addr>().is_err() {
            return Err(format!("{host} is not an IP address"));
        }
        if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(format!("{host:?} is not the name of a host"));
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }
}

impl ListenAddress {
    /// The numeric address. Of a name with several it is the first IPv4 address, or else the first:
    /// clients that use the name try all of them, and those that use 127.0.0.1 expect `localhost`
    /// to be there.
    pub(super) fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let (host, port) = match self {
            Self::Number(number) => return Ok(*number),
            Self::Name { host, port } => (host.as_str(), *port),
        };
        let found = (host, port).to_socket_addrs();
        let found = found.with_context(|| {
            format!("cannot listen on {host}:{port}: the name cannot be resolved")
        })?;
        let nothing = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("cannot listen on {host}:{port}: no address"),
            )
        };
        Ok(preferred(found).ok_or_else(nothing)?)
    }
}

fn preferred(found: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    let found: Vec<SocketAddr> = found.collect();
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_or_names() {
        let number = |text: &str| ListenAddress::Number(text.parse().expect("an address"));
        assert_eq!("127.0.0.1:0".parse(), Ok(number("127.0.0.1:0")));
        assert_eq!("[::1]:50051".parse(), Ok(number("[::1]:50051")));
        let name = ListenAddress::Name { host: "localhost".to_owned(), port: 50051 };
        assert_eq!("localhost:50051".parse(), Ok(name));
    }

    #[test]
    fn invalid_addresses_are_refused_in_words() {
        for (given, words) in [
            ("nowhere", "HOST:PORT"),
            ("50051", "HOST:PORT"),
            ("", "HOST:PORT"),
            (":50051", "no host"),
            ("http://127.0.0.1:50051", "not a URL"),
            ("::1:50051", "brackets"),
            ("[::1", "brackets"),
            ("localhost:", "from 0 to 65535"),
            ("localhost:65536", "from 0 to 65535"),
            ("127.0.0.1:http", "from 0 to 65535"),
            ("256.0.0.1:50051", "not an IP address"),
            ("127.1:50051", "not an IP address"),
            ("two words:50051", "not the name of a host"),
            ("a/b:50051", "not the name of a host"),
        ] {
            let refused = given.parse::<ListenAddress>().expect_err(given);
            assert!(refused.contains(words), "{given}: {refused}");
        }
    }

    #[test]
    fn of_several_addresses_the_first_ipv4_one_is_taken() {
        let of = |addresses: &[&str]| {
            preferred(addresses.iter().map(|text| text.parse().expect("an address")))
        };
        assert_eq!(of(&["[::1]:7", "127.0.0.1:7", "127.0.0.2:7"]), "127.0.0.1:7".parse().ok());
        assert_eq!(of(&["[::1]:7", "[::2]:7"]), "[::1]:7".parse().ok());
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn localhost_is_this_machine() {
        let address =
            "localhost:0".parse::<ListenAddress>().expect("a name").resolve().expect("it is known");
        assert!(address.ip().is_loopback(), "{address}");
    }
}
