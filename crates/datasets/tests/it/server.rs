//! A small HTTP server on this machine that can misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A file on the server.
#[derive(Clone)]
pub struct Served {
    pub bytes: Vec<u8>,
    /// The connection breaks after so many bytes of an answer.
    pub breaks_after: Option<usize>,
    /// Whether `Range` is understood.
    pub ranges: bool,
}

impl From<Vec<u8>> for Served {
    fn from(bytes: Vec<u8>) -> Served {
        Served { bytes, breaks_after: None, ranges: true }
    }
}

pub struct Server {
    /// Address, ending in `/`.
    pub address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves until the tests end. Other paths answer 404.
    pub fn start(files: HashMap<String, Served>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (files, written) = (Arc::new(files), log.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, log) = (files.clone(), written.clone());
                thread::spawn(move || answer(stream, &files, &log));
            }
        });
        Server { address, log }
    }

    /// `path start` of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, files: &HashMap<String, Served>, log: &Mutex<Vec<String>>) -> Option<()> {
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
