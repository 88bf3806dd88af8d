//! One file from one address, going on where an earlier attempt broke off.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};

use super::{Failure, Progress};
use crate::Name;
use crate::error::Error;

/// A break in the middle is followed by so many further attempts at the same address; one that brought bytes does not count.
const RETRIES: u32 = 2;
/// Without an answer, or without a byte, for so long, an address is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client for all attempts of one file. Proxies of the environment are used, but not for an address on this machine.
pub(super) fn client(mirrors: &[String]) -> Result<Client, String> {
    let mut builder = Client::builder()
        .user_agent(concat!("twoscale-datasets/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(15))
        // For a blocking client this bounds the wait for headers and for each read, not the whole download.
        .timeout(PATIENCE);
    if mirrors.iter().all(|m| m.starts_with("http://127.0.0.1")) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| reason(&e))
}

/// Fills `part` with the whole file.
pub(super) fn download(
    client: &Client,
    name: Name,
    address: &str,
    file: &str,
    part: &Path,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let mut left = RETRIES;
    loop {
        let before = length(part);
        match attempt(client, name, address, file, part, progress) {
            Ok(()) => return Ok(()),
            Err(Broken::Final(failure)) => return Err(failure),
            Err(Broken::Retry(reason)) => {
                let arrived = length(part) > before;
                if left == 0 && !arrived {
                    return Err(Failure::Source(reason));
                }
                left = if arrived { RETRIES } else { left - 1 };
                progress.note(&format!("{address}: {reason}; trying again"));
                thread::sleep(Duration::from_millis(200));
            }
        }
        if progress.stop() {
            return Err(Error::Stopped(name).into());
        }
    }
}

/// How an attempt ended badly.
enum Broken {
    /// The same address may well deliver the rest.
    Retry(String),
    /// It will not.
    Final(Failure),
}

fn attempt(
    client: &Client,
    name: Name,
    address: &str,
    file: &str,
    part: &Path,
    progress: &mut dyn Progress,
) -> Result<(), Broken> {
    let fatal = |action| move |e| Broken::Final(Failure::Fatal(Error::io(action, part)(e)));
    let have = length(part);
    let mut request = client.get(address);
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    let mut response = request.send().map_err(|e| match e.is_connect() {
        true => Broken::Final(Failure::Source(reason(&e))), // no such host, no network: trying again at once does not help
        false => Broken::Retry(reason(&e)),
    })?;
    let start = match response.status() {
        StatusCode::OK => 0, // also the answer of a server that knows no ranges: it sends everything again
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(have) => have,
        StatusCode::RANGE_NOT_SATISFIABLE if range_total(&response) == Some(have) => return Ok(()), // all of it was there
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            // What is there is no beginning of what this server has.
            fs::remove_file(part).map_err(fatal("remove"))?;
            return Err(Broken::Retry("the server cannot go on from what has arrived".into()));
        }
        status if status.is_server_error() => return Err(Broken::Retry(format!("the server answers {status}"))),
        status => return Err(Broken::Final(Failure::Source(format!("the server answers {status}")))),
    };

    let mut out = File::options().create(true).write(true).truncate(false).open(part).map_err(fatal("write"))?;
    out.set_len(start).map_err(fatal("write"))?;
    std::io::Seek::seek(&mut out, std::io::SeekFrom::End(0)).map_err(fatal("write"))?;
    let total = response.content_length().map(|rest| start + rest);
    progress.begin(file, address, start, total);
    let mut buffer = vec![0; 1 << 16];
    let mut done = start;
    loop {
        if progress.stop() {
            return Err(Broken::Final(Error::Stopped(name).into()));
        }
        let got = match response.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(Broken::Retry(format!("the connection broke after {done} bytes ({e})"))),
        };
        out.write_all(&buffer[..got]).map_err(fatal("write"))?;
        done += got as u64;
        progress.advance(got as u64);
    }
    match total {
        Some(total) if done < total => {
            Err(Broken::Retry(format!("the connection broke after {done} of {total} bytes")))
        }
        _ => Ok(()),
    }
}

fn length(part: &Path) -> u64 {
    fs::metadata(part).map_or(0, |m| m.len())
}

/// `a` of `Content-Range: bytes a-b/total`.
fn range_start(response: &Response) -> Option<u64> {
    content_range(response)?.split('-').next()?.parse().ok()
}

/// `total` of `Content-Range: bytes */total`.
fn range_total(response: &Response) -> Option<u64> {
    content_range(response)?.rsplit('/').next()?.parse().ok()
}

fn content_range(response: &Response) -> Option<&str> {
    response.headers().get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")
}

/// The innermost cause says more than "error sending request for url".
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { format!("no answer in time ({cause})") } else { format!("no connection ({cause})") }
}
