//! Downloads one file from one address, resuming where an earlier attempt broke off.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use ureq::Agent;

use super::limits::Limits;
use super::request::{self, Head, Message};
use super::{Failure, Progress};
use crate::Name;
use crate::error::Error;

/// Time between two checks whether the user asked to stop.
const TICK: Duration = Duration::from_millis(50);

/// A file that is to be downloaded.
pub(super) struct Wanted<'a> {
    /// Set of the file.
    pub(super) name: Name,
    /// Published name of the file.
    pub(super) file: &'a str,
    /// Published length of the file in bytes; nothing beyond is taken.
    pub(super) size: u64,
    /// Path at which the file arrives.
    pub(super) part: &'a Path,
    /// Time after which no further attempt is made at any address.
    pub(super) deadline: Instant,
    pub(super) limits: &'a Limits,
}

/// Failures of an attempt.
enum Broken {
    /// The same address may well deliver the rest, after the wait that it asked for.
    Retry(String, Duration),
    /// The same address may well deliver from the beginning: the bytes that had arrived are no beginning of the file, and are removed.
    Restart(String),
    /// The same address will not deliver the file.
    Final(Failure),
}

impl Broken {
    fn source(reason: impl Into<String>) -> Broken {
        Broken::Final(Failure::Source(reason.into()))
    }
}

impl Wanted<'_> {
    /// Fills [`Wanted::part`] from an address.
    pub(super) fn download(&self, client: &Agent, address: &str, progress: &mut dyn Progress) -> Result<(), Failure> {
        let (mut left, mut wait) = (self.limits.retries, self.limits.wait);
        loop {
            let before = length(self.part);
            let (reason, asked) = match self.attempt(client, address, before, progress) {
                Ok(()) => return Ok(()),
                Err(Broken::Final(failure)) => return Err(failure),
                Err(Broken::Restart(reason)) => {
                    remove(self.part).map_err(Error::io("remove", self.part))?;
                    progress.note(&format!("{address}: {reason}; beginning again"));
                    continue;
                }
                Err(Broken::Retry(reason, asked)) => (reason, asked),
            };
            if length(self.part) >= before + (self.size / 100).max(1) {
                (left, wait) = (self.limits.retries, self.limits.wait);
            } else if left == 0 {
                return Err(Failure::Source(reason));
            } else {
                left -= 1;
            }
            let pause = wait.max(asked.min(self.limits.longest_wait));
            if Instant::now() + pause > self.deadline {
                return Err(Failure::Source(format!("{reason}; the time for this file is over")));
            }
            progress.note(&format!("{address}: {reason}; trying again in {} s", pause.as_secs_f64()));
            self.pause(pause, progress)?;
            wait *= 2;
        }
    }

    /// Waits, unless the user stops.
    fn pause(&self, pause: Duration, progress: &mut dyn Progress) -> Result<(), Failure> {
        let end = Instant::now() + pause;
        loop {
            if progress.stop() {
                return Err(Error::Stopped(self.name).into());
            }
            match end.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::sleep(left.min(TICK)),
                _ => return Ok(()),
            }
        }
    }

    /// Makes one request; `have` bytes are there already.
    fn attempt(&self, client: &Agent, address: &str, have: u64, progress: &mut dyn Progress) -> Result<(), Broken> {
        let answer = request::start(client, address, have).map_err(|e| Broken::source(format!("no thread ({e})")))?;
        let mut arriving: Option<Arriving> = None;
        let mut window = (Instant::now(), 0);
        loop {
            if progress.stop() {
                return Err(Broken::Final(Error::Stopped(self.name).into()));
            }
            if Instant::now() > self.deadline {
                return Err(Broken::source("the time for this file is over"));
            }
            let message = match answer.recv_timeout(TICK) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(self.retry("the request ended")),
            };
            match message {
                None => {}
                Some(Message::Refused(reason)) => return Err(Broken::source(reason)),
                Some(Message::Broken(reason)) => return Err(self.retry(&reason)),
                Some(Message::Head(head)) => {
                    let Some(start) = self.accepted(&head, have)? else { return Ok(()) };
                    let total = head.length.map(|rest| start.saturating_add(rest));
                    if let Some(total) = total.filter(|&total| total > self.size) {
                        return Err(self.too_long(format!("announces {total} bytes")));
                    }
                    progress.begin(self.file, address, start, total);
                    arriving = Some(Arriving { out: self.open(start)?, done: start, total });
                    window = (Instant::now(), 0);
                }
                Some(Message::Bytes(bytes)) => {
                    let Some(arriving) = &mut arriving else { return Err(self.retry("bytes came before an answer")) };
                    let got = bytes.len() as u64;
                    if arriving.done + got > self.size {
                        return Err(self.too_long("sends more".into()));
                    }
                    arriving.out.write_all(&bytes).map_err(|e| self.fatal("write", e))?;
                    arriving.done += got;
                    window.1 += got;
                    progress.advance(got);
                }
                Some(Message::End) => {
                    return match arriving {
                        Some(Arriving { done, total: Some(total), .. }) if done < total => {
                            Err(self.retry(&format!("the connection broke after {done} of {total} bytes")))
                        }
                        Some(_) => Ok(()),
                        None => Err(self.retry("the answer is empty")),
                    };
                }
            }
            // The check runs even while no byte arrives. Before the answer the timeouts of the request itself bound the time.
            let elapsed = window.0.elapsed();
            if arriving.is_some() && elapsed >= self.limits.window {
                if window.1 < self.limits.slowest * self.limits.window.as_secs().max(1) {
                    let seconds = elapsed.as_secs();
                    return Err(Broken::source(format!("too slow: {} bytes in {seconds} s", window.1)));
                }
                window = (Instant::now(), 0);
            }
        }
    }

    /// Returns the byte at which the answer begins; `None` where the whole file was there already.
    fn accepted(&self, head: &Head, have: u64) -> Result<Option<u64>, Broken> {
        let Head { status, range: (first, total), retry_after, .. } = *head;
        match status {
            200 => Ok(Some(0)), // a server without ranges answers so too, and sends everything again
            206 if have > 0 && first == Some(have) => Ok(Some(have)),
            416 if have > 0 && total == Some(have) => Ok(None),
            206 | 416 if have > 0 => Err(Broken::Restart("the server cannot go on from what has arrived".into())),
            206 => Err(Broken::source("the server sends a part although the whole was asked for")),
            408 | 425 | 429 | 500..=599 => {
                let wait = Duration::from_secs(retry_after.unwrap_or(0));
                Err(Broken::Retry(format!("the server answers {}", words(status)), wait))
            }
            _ => Err(Broken::source(format!("the server answers {}", words(status)))),
        }
    }

    /// Opens the partial file for the bytes from `start` on.
    fn open(&self, start: u64) -> Result<File, Broken> {
        let open = || -> io::Result<File> {
            let mut out = File::options().create(true).write(true).truncate(false).open(self.part)?;
            out.set_len(start)?;
            out.seek(SeekFrom::End(0))?;
            Ok(out)
        };
        open().map_err(|e| self.fatal("write", e))
    }

    /// Refuses a file that is longer than the published one; nothing of it is kept.
    fn too_long(&self, what: String) -> Broken {
        let _ = remove(self.part); // the refusal is the error to report
        Broken::source(format!("the server {what}, and {} has {} bytes", self.file, self.size))
    }

    fn retry(&self, reason: &str) -> Broken {
        Broken::Retry(reason.to_owned(), Duration::ZERO)
    }

    fn fatal(&self, action: &'static str, error: io::Error) -> Broken {
        Broken::Final(Failure::Fatal(Error::io(action, self.part)(error)))
    }
}

/// A file that is being downloaded.
struct Arriving {
    out: File,
    done: u64,
    total: Option<u64>,
}

/// Status as messages show it: `404 Not Found`.
fn words(status: u16) -> String {
    ureq::http::StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |code| code.to_string())
}

/// Length of a file; 0 where there is none.
pub(super) fn length(part: &Path) -> u64 {
    fs::metadata(part).map_or(0, |m| m.len())
}

/// Removes a file, if it is there.
pub(super) fn remove(part: &Path) -> io::Result<()> {
    match fs::remove_file(part) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
