//! Peer: PyTorch in a Python program that measures alternately with ours.
use std::io::{BufRead, BufReader, Read as _, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twoscale::models::ModelKind;

use super::measure::Samples;
use super::network::Network;
use super::ours::{Call, EVALUATED, READY, ready_images};
use experiment::spec::Input;
use runs::train::RunData;

const PROGRAM: &str = include_str!("peer.py");

/// Advice for a missing peer.
const HOW: &str = "`pip install torch` for the python3 on the path gives one; only our own times are measured";

/// Running peer; the process ends when the value is dropped.
pub(super) struct Peer {
    /// Name and version.
    pub name: String,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    loaded: Option<Network>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
enum Request {
    Load {
        channels: Option<[usize; 2]>,
        hidden: Vec<usize>,
        depth: Option<usize>,
        width: Option<usize>,
        shape: [usize; 3],
        classes: usize,
        superclass: Option<Vec<u32>>,
        white: u8,
        half: bool,
        objects: usize,
        batch: usize,
        evaluated: usize,
        whole: usize,
        momentum: f64,
        weight_decay: f64,
    },
    Call {
        what: &'static str,
        times: usize,
    },
}

#[derive(Deserialize)]
struct Hello {
    name: String,
}

#[derive(Deserialize)]
struct Loaded {
    objects: usize,
}

#[derive(Deserialize)]
struct Turn {
    wall: Vec<f64>,
    cpu: f64,
}

type Result<T> = std::result::Result<T, String>;

impl Peer {
    /// Starts the peer; otherwise returns a sentence with reason and remedy.
    pub fn start() -> Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // PyTorch gets one thread, as our side has.
        command.env("OMP_NUM_THREADS", "1").env("MKL_NUM_THREADS", "1");
        let mut child = command.spawn().map_err(|error| format!("python3 cannot be started ({error}); {HOW}"))?;
        let (requests, answers) = (child.stdin.take(), child.stdout.take());
        let Some(answers) = answers else { return Err("python3 has no output".to_owned()) };
        let mut peer = Self { name: String::new(), child, requests, answers: BufReader::new(answers), loaded: None };
        let hello: Hello = peer.answer().map_err(|why| format!("{why}; {HOW}"))?;
        peer.name = hello.name;
        Ok(peer)
    }

    /// Sends an untrained network and its training images.
    pub fn load(&mut self, network: Network, run_data: &RunData) -> Result<()> {
        if self.loaded == Some(network) {
            return Ok(());
        }
        let (spec, data) = (network.spec(), run_data.dataset());
        let batch = spec.schedule.batch;
        let (images, labels) = ready_images(run_data, batch);
        let labels: Vec<u8> = labels.iter().map(|label| u8::try_from(*label).unwrap_or(0)).collect();
        self.ask(&Request::Load {
            channels: (spec.model.kind == ModelKind::LeNet5).then_some(spec.model.channels),
            hidden: spec.model.hidden.clone(),
            depth: spec.model.depth,
            width: spec.model.width,
            shape: data.shape,
            classes: data.classes,
            superclass: data.superclass.as_deref().map(<[u32]>::to_vec),
            white: data.white,
            half: spec.data.input == Input::Half,
            objects: labels.len(),
            batch,
            evaluated: EVALUATED,
            whole: run_data.train_objects(),
            momentum: spec.optimiser.momentum,
            weight_decay: spec.optimiser.weight_decay,
        })?;
        self.send(images)?;
        self.send(&labels)?;
        let loaded: Loaded = self.answer()?;
        if loaded.objects != READY * batch {
            return Err(format!("the peer accepted {} images of {}", loaded.objects, READY * batch));
        }
        self.loaded = Some(network);
        Ok(())
    }

    /// Requests `times` calls.
    pub fn turn(&mut self, call: Call, times: usize, into: &mut Samples) -> Result<()> {
        self.ask(&Request::Call { what: call.name(), times })?;
        let turn: Turn = self.answer()?;
        into.wall.extend(turn.wall);
        into.cpu.push(turn.cpu);
        Ok(())
    }

    fn ask(&mut self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_string(request).map_err(|error| error.to_string())?;
        line.push('\n');
        self.send(line.as_bytes())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(requests) = &mut self.requests else { return Err("the peer does not accept input".to_owned()) };
        requests
            .write_all(bytes)
            .and_then(|()| requests.flush())
            .map_err(|error| format!("the peer does not accept input: {error}"))
    }

    fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) | Err(_) => Err(self.last_words()),
            Ok(_) => serde_json::from_str(&line).map_err(|_| format!("the peer answered {:?}", line.trim_end())),
        }
    }

    /// Last line on standard error of a peer that has ended.
    fn last_words(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut text);
        }
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("the peer ended without a message")
            .trim()
            .to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
