//! The load: a few kept connections, one request on each at a time, from one thread that spends as
//! little as it can, since it runs beside what is measured.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::shape::Shape;

const CONNECTIONS: usize = 8;
/// Whose requests come in turn: enough that no branch of a filter is foretold.
const USERS: usize = 512;
const LIMIT: Duration = Duration::from_secs(10);

/// Connections to one Envoy.
#[derive(Debug)]
pub(crate) struct Load {
    connections: Vec<TcpStream>,
}

/// How many answers said what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) canary: usize,
    pub(crate) stable: usize,
    pub(crate) unmarked: usize,
}

/// The requests of all users, made once.
pub(crate) fn requests(shape: Shape) -> Vec<Vec<u8>> {
    (0..USERS).map(|user| shape.request(user)).collect()
}

impl Load {
    pub(crate) fn connect(port: u16) -> Result<Self> {
        let connect = |_| {
            let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            connection.set_nodelay(true)?;
            connection.set_read_timeout(Some(LIMIT))?;
            Ok(connection)
        };
        Ok(Self { connections: (0..CONNECTIONS).map(connect).collect::<Result<_>>()? })
    }

    /// Sends every request once, and says what was answered.
    pub(crate) fn send(&mut self, requests: &[Vec<u8>]) -> Result<Answers> {
        let mut answers = Answers::default();
        let mut buffer = [0; 4096];
        for batch in requests.chunks(self.connections.len()) {
            for (connection, request) in self.connections.iter_mut().zip(batch) {
                connection.write_all(request)?;
            }
            for (connection, _) in self.connections.iter_mut().zip(batch) {
                match answer(connection, &mut buffer)? {
                    b"canary" => answers.canary += 1,
                    b"stable" => answers.stable += 1,
                    b"unmarked" => answers.unmarked += 1,
                    other => bail!("an answer \"{}\"", String::from_utf8_lossy(other)),
                }
            }
        }
        Ok(answers)
    }
}

/// Reads one answer with status 200 and gives its body.
fn answer<'a>(connection: &mut TcpStream, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let mut filled = 0;
    loop {
        let free = buffer.get_mut(filled..).filter(|free| !free.is_empty());
        let read = connection.read(free.context("an answer that is too long")?)?;
        ensure!(read > 0, "the connection was closed");
        filled += read;
        let text = str::from_utf8(buffer.get(..filled).unwrap_or_default())?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 200 "), "{text}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("an answer without content-length")?.parse()?;
        if body.len() >= length {
            let start = head.len() + 4;
            return buffer.get(start..start + length).context("the body");
        }
    }
}
