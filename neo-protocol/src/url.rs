//! Kernel URLs.

use core::fmt;

use precursor_broker::{Error, ErrorKind, Result};

/// Longest name of a kernel in bytes.
const NAME_BYTES_MAX: usize = 63;

/// How a served kernel is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// `neo://`
    Tcp,
    /// `neo+tls://`
    Tls,
    /// `neo+quic://`
    Quic,
    /// `ws://`
    WebSocket,
    /// `wss://`
    WebSocketTls,
}

/// What a kernel URL names.
///
/// ```
/// use neo_protocol::Address;
///
/// assert_eq!("mem://orders".parse(), Ok(Address::Memory { name: Some("orders".into()) }));
/// let error = "memory://orders".parse::<Address>().unwrap_err();
/// assert!(error.to_string().contains("mem://"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// `mem://` or `mem://NAME`: within this process.
    Memory {
        /// Shared by every open of the name in this process; private to its handle without one.
        name: Option<String>,
    },
    /// `shm://NAME` or `shm://NAME?group=GROUP`: processes of one host.
    SharedMemory {
        /// The kernel's name.
        name: String,
        /// The group of users that shares it, by name or number; without one it is this user's.
        group: Option<String>,
    },
    /// `file:///DIR`: durable streams in a directory.
    File {
        /// The directory.
        directory: String,
    },
    /// A kernel served over a network.
    Server {
        /// How it is reached.
        transport: Transport,
        /// Host name or address; a path for sockets.
        host: String,
        /// Port.
        port: u16,
    },
    /// `neo+unix:///PATH`: a kernel served on a socket of this host.
    Unix {
        /// The socket's path.
        path: String,
    },
    /// `nats://HOST:PORT`: a NATS cluster.
    Nats {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

const FORMS: &str = "mem://, mem://NAME, shm://NAME, shm://NAME?group=GROUP, file:///DIR, neo://HOST:PORT, \
                     neo+tls://HOST:PORT, neo+unix:///PATH, neo+quic://HOST:PORT, \
                     ws://HOST:PORT, wss://HOST:PORT or nats://HOST:PORT";

fn invalid(message: String) -> Error {
    crate::kernel::error(ErrorKind::Invalid, message)
}

impl core::str::FromStr for Address {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| invalid(format!("{url:?} is no kernel URL: it is {FORMS}")))?;
        let server = |transport| {
            let (host, port) = host_and_port(url, rest)?;
            Ok(Self::Server { transport, host, port })
        };
        match scheme {
            "mem" if rest.is_empty() => Ok(Self::Memory { name: None }),
            "mem" => Ok(Self::Memory { name: Some(name(url, rest)?) }),
            "shm" => shared(url, rest),
            "file" => Ok(Self::File { directory: path(url, rest)? }),
            "neo+unix" => Ok(Self::Unix { path: path(url, rest)? }),
            "neo" => server(Transport::Tcp),
            "neo+tls" => server(Transport::Tls),
            "neo+quic" => server(Transport::Quic),
            "ws" => server(Transport::WebSocket),
            "wss" => server(Transport::WebSocketTls),
            "nats" => {
                let (host, port) = host_and_port(url, rest)?;
                Ok(Self::Nats { host, port })
            }
            _ => Err(invalid(format!("the scheme of {url:?} is unknown: use {FORMS}"))),
        }
    }
}

fn name(url: &str, name: &str) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
        return Err(invalid(format!(
            "the name in {url:?} must have 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' or '-'"
        )));
    }
    Ok(name.into())
}

fn shared(url: &str, rest: &str) -> Result<Address> {
    let Some((plain, query)) = rest.split_once('?') else {
        return Ok(Address::SharedMemory { name: name(url, rest)?, group: None });
    };
    let group = query.strip_prefix("group=").filter(|group| !group.is_empty());
    let group = group.ok_or_else(|| {
        invalid(format!("{query:?} in {url:?} is no option of a name: it is ?group=GROUP"))
    })?;
    Ok(Address::SharedMemory { name: name(url, plain)?, group: Some(group.into()) })
}

fn path(url: &str, path: &str) -> Result<String> {
    if !path.starts_with('/') || path.len() < 2 {
        return Err(invalid(format!("{url:?} needs an absolute path: three slashes and a name")));
    }
    Ok(path.into())
}

fn host_and_port(url: &str, rest: &str) -> Result<(String, u16)> {
    let missing = || invalid(format!("{url:?} needs HOST:PORT behind \"://\""));
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(missing)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.unwrap_or(host).is_empty() || (bare.is_none() && host.contains(':')) {
        return Err(missing());
    }
    let number = port.parse().ok().filter(|port| *port != 0);
    let port =
        number.ok_or_else(|| invalid(format!("the port {port:?} in {url:?} is not 1 to 65535")))?;
    Ok((bare.unwrap_or(host).into(), port))
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "neo",
            Self::Tls => "neo+tls",
            Self::Quic => "neo+quic",
            Self::WebSocket => "ws",
            Self::WebSocketTls => "wss",
        })
    }
}

impl Address {
    /// The scheme, without "://".
    #[must_use]
    pub fn scheme(&self) -> String {
        match self {
            Self::Memory { .. } => "mem".into(),
            Self::SharedMemory { .. } => "shm".into(),
            Self::File { .. } => "file".into(),
            Self::Server { transport, .. } => transport.to_string(),
            Self::Unix { .. } => "neo+unix".into(),
            Self::Nats { .. } => "nats".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_parsed() {
        let server = |transport| Address::Server { transport, host: "h".into(), port: 42 };
        let shared = |group| Address::SharedMemory { name: "orders".into(), group };
        let table = [
            ("mem://", Address::Memory { name: None }),
            ("mem://a.b-c_9", Address::Memory { name: Some("a.b-c_9".into()) }),
            ("shm://orders", shared(None)),
            ("shm://orders?group=desk", shared(Some("desk".into()))),
            ("file:///var/neo", Address::File { directory: "/var/neo".into() }),
            ("neo://h:42", server(Transport::Tcp)),
            ("neo+tls://h:42/", server(Transport::Tls)),
            ("neo+quic://h:42", server(Transport::Quic)),
            ("ws://h:42", server(Transport::WebSocket)),
            ("wss://h:42", server(Transport::WebSocketTls)),
            ("neo+unix:///run/neo", Address::Unix { path: "/run/neo".into() }),
            ("nats://[::1]:4222", Address::Nats { host: "::1".into(), port: 4222 }),
        ];
        for (url, address) in table {
            assert_eq!(url.parse(), Ok(address.clone()), "{url}");
            assert!(url.starts_with(&format!("{}://", address.scheme())));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_way_out() {
        let table = [
            ("", "is no kernel URL"),
            ("orders", "is no kernel URL"),
            ("memory://", "unknown"),
            ("shm://", "1 to 63"),
            ("shm://a?mode=0660", "?group=GROUP"),
            ("shm://a?group=", "?group=GROUP"),
            ("shm://?group=desk", "1 to 63"),
            ("mem://a?group=desk", "1 to 63"),
            ("mem://a b", "1 to 63"),
            ("mem://a/b", "1 to 63"),
            ("file://relative", "absolute path"),
            ("neo://host", "HOST:PORT"),
            ("neo://:1", "HOST:PORT"),
            ("neo://::1:1", "HOST:PORT"),
            ("neo://h:0", "1 to 65535"),
            ("neo://h:70000", "1 to 65535"),
        ];
        for (url, part) in table {
            let error = url.parse::<Address>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
            assert!(error.to_string().contains(part), "{url}: {error}");
        }
        let long = format!("mem://{}", "x".repeat(64));
        assert!(long.parse::<Address>().is_err());
    }
}
