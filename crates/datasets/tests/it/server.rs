//! A small HTTP server on this machine that can misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A file on the server.
#[derive(Clone)]
pub struct Served {
    pub bytes: Vec<u8>,
    /// Number of bytes of an answer after which the connection breaks.
    pub breaks_after: Option<usize>,
    /// Whether `Range` is understood.
    pub ranges: bool,
    /// Misbehaviour of the server.
    pub manners: Manners,
}

/// Ways to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manners {
    Good,
    /// Answers with this status line and further header lines, whatever was asked for.
    Answers(&'static str),
    /// Answers 206 with all bytes, although no part was asked for.
    PartUnasked,
    /// Announces the length, and goes on for ever with zeros.
    Endless,
    /// Says no length, and goes on for ever with zeros.
    EndlessUnannounced,
    /// Sends a byte at a time, with this pause.
    Drips(Duration),
    /// Accepts the connection and says nothing.
    Silent,
    /// Sends one byte of the header at a time, with this pause.
    DripsHead(Duration),
    /// Closes the connection at once.
    Resets,
    /// Redirects to this address.
    Redirects(String),
}

impl From<Vec<u8>> for Served {
    fn from(bytes: Vec<u8>) -> Served {
        Served { bytes, breaks_after: None, ranges: true, manners: Manners::Good }
    }
}

impl From<Manners> for Served {
    fn from(manners: Manners) -> Served {
        Served { manners, ..Served::from(b"some bytes".to_vec()) }
    }
}

pub struct Server {
    /// Address, ending in `/`.
    pub address: String,
    log: Arc<Mutex<Vec<String>>>,
    sent: Arc<Mutex<u64>>,
}

impl Server {
    /// Serves until the tests end. Other paths answer 404.
    pub fn start(files: HashMap<String, Served>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let (log, sent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (files, written, count) = (Arc::new(files), log.clone(), sent.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, log, sent) = (files.clone(), written.clone(), count.clone());
                thread::spawn(move || answer(stream, &files, &log, &sent));
            }
        });
        Server { address, log, sent }
    }

    /// `path start` of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Bytes that the endless answers have sent.
    pub fn sent(&self) -> u64 {
        *self.sent.lock().unwrap()
    }
}

fn answer(
    stream: TcpStream,
    files: &HashMap<String, Served>,
    log: &Mutex<Vec<String>>,
    sent: &Mutex<u64>,
) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut start = 0;
    for line in lines {
        let line = line.ok()?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok()?;
        }
    }
    log.lock().ok()?.push(format!("{path} {start}"));
    let mut out = stream;
    let Some(file) = files.get(&path) else {
        return out.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone").ok();
    };
    let all = file.bytes.len();
    match &file.manners {
        Manners::Good => {}
        Manners::Answers(head) => {
            return write!(out, "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
        }
        Manners::PartUnasked => {
            let range = format!("Content-Range: bytes 0-{}/{all}", all - 1);
            write!(out, "HTTP/1.1 206 Partial Content\r\n{range}\r\nContent-Length: {all}\r\n\r\n").ok()?;
            return out.write_all(&file.bytes).ok();
        }
        Manners::Endless | Manners::EndlessUnannounced => {
            let length = if file.manners == Manners::Endless { "Content-Length: 600000000\r\n" } else { "" };
            write!(out, "HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n").ok()?;
            for _ in 0..600 {
                out.write_all(&vec![0; 1_000_000]).ok()?;
                *sent.lock().ok()? += 1_000_000;
            }
            return Some(());
        }
        Manners::Drips(pause) => {
            write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {all}\r\nConnection: close\r\n\r\n").ok()?;
            return drip(&mut out, &file.bytes, *pause);
        }
        Manners::DripsHead(pause) => {
            let head = format!("HTTP/1.1 200 OK\r\n{}", "X-Slow: yes\r\n".repeat(500));
            return drip(&mut out, head.as_bytes(), *pause);
        }
        Manners::Silent => {
            thread::sleep(Duration::from_secs(60));
            return None;
        }
        Manners::Resets => return None,
        Manners::Redirects(to) => {
            let to = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return out.write_all(to.as_bytes()).ok();
        }
    }
    let (status, body) = match file.ranges && start > 0 {
        false => ("200 OK".to_owned(), &file.bytes[..]),
        true if start >= all => (format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{all}"), &[][..]),
        true => {
            (format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{all}", all - 1), &file.bytes[start..])
        }
    };
    write!(out, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).ok()?;
    out.write_all(&body[..file.breaks_after.unwrap_or(body.len()).min(body.len())]).ok()
}

fn drip(out: &mut TcpStream, bytes: &[u8], pause: Duration) -> Option<()> {
    for byte in bytes {
        out.write_all(&[*byte]).ok()?;
        thread::sleep(pause);
    }
    Some(())
}
