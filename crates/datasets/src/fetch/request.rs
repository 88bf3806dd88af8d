//! Runs one request in a thread of its own, so that the caller returns at once when the user stops, whatever the request waits for.

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE, RETRY_AFTER};
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::limits::Limits;
use crate::error::printable;

/// Most redirections that are followed.
const REDIRECTS: usize = 5;
/// Bytes in a message.
const CHUNK: usize = 1 << 16;

/// The messages of a request, in order: a head, bytes, an end. A failure may come at any time and is the last message.
pub(super) enum Message {
    Head(Head),
    Bytes(Vec<u8>),
    End,
    /// The same address may well deliver later.
    Broken(String),
    /// The address will not deliver.
    Refused(String),
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    /// Length in bytes, from `Content-Length`.
    pub(super) length: Option<u64>,
    /// First byte and length of the whole, from `Content-Range`.
    pub(super) range: (Option<u64>, Option<u64>),
    /// Seconds to wait, from `Retry-After`.
    pub(super) retry_after: Option<u64>,
}

/// A client for all attempts of one file. Proxies of the environment are used, but not for an address on this machine.
pub(super) fn client(mirrors: &[String], limits: &Limits) -> Agent {
    let mut config = Agent::config_builder()
        .user_agent(concat!("twoscale-datasets/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0) // followed in `send`, which also refuses one to an unencrypted address
        .max_redirects_will_error(false)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .timeout_resolve(Some(limits.answer))
        .timeout_connect(Some(limits.answer))
        .timeout_recv_response(Some(limits.answer))
        .timeout_per_read(Some(limits.answer));
    if mirrors.iter().all(|m| m.starts_with("http://127.0.0.1")) {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// Asks for `address` from byte `from` on. Few messages wait to be received, so that a fast server cannot fill the memory. When the
/// receiver is dropped the thread ends with its next message, or when the server has been silent for [`Limits::answer`].
pub(super) fn start(client: &Agent, address: &str, from: u64) -> std::io::Result<Receiver<Message>> {
    let (sender, receiver) = sync_channel(4);
    let (client, address) = (client.clone(), address.to_owned());
    thread::Builder::new().name("download".into()).spawn(move || {
        let last = match deliver(&client, &address, from, &sender) {
            Ok(()) => Message::End,
            Err(message) => message,
        };
        let _ = sender.send(last); // fails where the user stopped and the receiver is gone
    })?;
    Ok(receiver)
}

fn deliver(client: &Agent, address: &str, from: u64, sender: &SyncSender<Message>) -> Result<(), Message> {
    let response = send(client, address, from)?;
    let gone = |_| Message::Broken("stopped".into());
    sender.send(Message::Head(Head::of(&response))).map_err(gone)?;
    if !response.status().is_success() {
        return Ok(()); // the page that explains an error may be long and is not needed
    }
    let mut reader = response.into_body().into_reader();
    loop {
        let mut chunk = vec![0; CHUNK];
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(got) => {
                chunk.truncate(got);
                sender.send(Message::Bytes(chunk)).map_err(gone)?;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(Message::Broken(format!("the connection broke ({})", printable(e)))),
        }
    }
}

/// Sends the request and follows redirections.
fn send(client: &Agent, address: &str, from: u64) -> Result<Response<Body>, Message> {
    let mut uri: Uri = address.parse().map_err(|e| Message::Refused(format!("is no address ({})", printable(e))))?;
    for _ in 0..=REDIRECTS {
        let mut request = client.get(&uri);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = request.call().map_err(failure)?;
        let target = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
        let Some(target) = target else { return Ok(response) };
        let target = target.to_str().unwrap_or_default();
        uri = redirected(&uri, target).map_err(Message::Refused)?;
    }
    Err(Message::Refused(format!("the server redirects more than {REDIRECTS} times")))
}

/// Resolves the target of a redirection. An https address may lead to https only, since an unencrypted answer can be forged.
fn redirected(from: &Uri, target: &str) -> Result<Uri, String> {
    let scheme = from.scheme_str().unwrap_or("http");
    let host = from.authority().map_or("", |authority| authority.as_str());
    let whole = if target.starts_with("//") {
        format!("{scheme}:{target}")
    } else if target.starts_with('/') {
        format!("{scheme}://{host}{target}")
    } else if target.contains("://") {
        target.to_owned()
    } else {
        let path = from.path();
        let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        format!("{scheme}://{host}{folder}{target}")
    };
    let shown = printable(&whole);
    let uri: Uri = whole.parse().map_err(|_| format!("the server redirects to {shown}, which is no address"))?;
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if scheme == "http" => Ok(uri),
        _ => Err(format!("the server redirects to {shown}, which is not encrypted")),
    }
}

/// Distinguishes a failure that may pass from a lasting one.
fn failure(error: ureq::Error) -> Message {
    use ureq::{Error, Timeout};
    match error {
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => Message::Refused("no connection in time".into()),
        Error::Timeout(_) => Message::Broken("no answer in time".into()),
        Error::Io(e) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
            Message::Refused(format!("no connection ({})", printable(e)))
        }
        Error::Io(e) => Message::Broken(format!("no connection ({})", printable(e))),
        Error::Protocol(e) => Message::Broken(format!("no proper answer ({})", printable(e))),
        other => Message::Refused(format!("no connection ({})", printable(other))),
    }
}

impl Head {
    fn of(response: &Response<Body>) -> Head {
        let text = |name| response.headers().get(name)?.to_str().ok();
        let range = text(CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes "));
        let first = range.and_then(|range| range.split('-').next()?.trim().parse().ok());
        let total = range.and_then(|range| range.rsplit('/').next()?.trim().parse().ok());
        Head {
            status: response.status().as_u16(),
            length: text(CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()),
            range: (first, total),
            retry_after: text(RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_stays_encrypted_and_may_be_relative() {
        let from: Uri = "https://a.example/data/x.gz".parse().unwrap();
        let to = |target| redirected(&from, target).map(|uri| uri.to_string());
        assert_eq!(to("https://b.example/y.gz").unwrap(), "https://b.example/y.gz");
        assert_eq!(to("/y.gz").unwrap(), "https://a.example/y.gz");
        assert_eq!(to("y.gz").unwrap(), "https://a.example/data/y.gz");
        assert_eq!(to("//b.example/y.gz").unwrap(), "https://b.example/y.gz");
        for target in ["http://b.example/y.gz", "ftp://b.example/y.gz", "HTTP://b.example/"] {
            assert!(to(target).unwrap_err().contains("not encrypted"), "{target}");
        }
        assert!(to(&format!("https://{}", "\u{7}x".repeat(5000))).unwrap_err().len() < 300);
        let plain: Uri = "http://a.example/x.gz".parse().unwrap();
        assert!(redirected(&plain, "http://b.example/x.gz").is_ok());
    }
}
