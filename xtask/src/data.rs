//! `data`: lists, fetches and verifies the data sets.
use std::io::IsTerminal;

use datasets::{self, Cache, Dataset, Name, Row, State};
use experiment::spec::DataSpec;
use indicatif::{ProgressBar, ProgressStyle};
use runs::scheduler::DataSource;

use crate::error::CommandError;
use crate::flags::{Data, DataAction};
use crate::interrupt;
use crate::text::{say, size};

/// Runs the command.
pub fn run(args: &Data) -> Result<(), CommandError> {
    let cache = Cache::open(args.data.clone())?;
    match args.action.as_ref().unwrap_or(&DataAction::List) {
        DataAction::List => {
            list(&cache);
            Ok(())
        }
        DataAction::Fetch { name } => fetch(&cache, name.parse()?),
        DataAction::Verify { name } => verify(&cache, name.parse()?),
    }
}

fn list(cache: &Cache) {
    say(format!("Data sets in {}\n", cache.root.display()));
    say(format!("{:<10} {:<10} {:>8}  {}", "name", "state", "size", "SHA-256"));
    for Row { name, state, bytes, digest, .. } in cache.list() {
        let (word, note) = match state {
            State::Embedded => ("embedded", None),
            State::Generated => ("generated", None),
            State::Ready => ("ready", None),
            State::Missing => ("missing", Some(format!("cargo xtask data fetch {name}"))),
            State::Damaged(why) => ("damaged", Some(why)),
        };
        let bytes = if bytes == 0 { "-".to_owned() } else { size(bytes) };
        say(format!("{:<10} {word:<10} {bytes:>8}  {digest}", name.as_str()));
        if let Some(note) = note {
            say(crate::hint::complete(&format!("{:<10} -> {note}", "")));
        }
    }
}

fn fetch(cache: &Cache, name: Name) -> Result<(), CommandError> {
    interrupt::listen();
    cache.fetch(name, &mut Download::new())?;
    verify(cache, name)
}

fn verify(cache: &Cache, name: Name) -> Result<(), CommandError> {
    for digest in cache.verify(name)? {
        say(format!("{}  {}", digest.sha256, digest.file));
    }
    say(format!("{name} is complete and as published"));
    Ok(())
}

/// Source of the data sets that trainings need: fetches a set where it is missing.
pub struct Fetching(pub Cache);

impl DataSource for Fetching {
    fn dataset(&self, data: &DataSpec) -> anyhow::Result<Dataset> {
        if let Some(files) = data.files() {
            let dataset = files.load()?;
            // The digest is of the time when the run was planned; a file may have been written again meanwhile.
            anyhow::ensure!(
                data.sha256.as_ref().is_none_or(|expected| *expected == dataset.digest()),
                "{} or {} was changed since this command began; run it again",
                files.images,
                files.labels
            );
            return Ok(dataset);
        }
        let (Self(cache), name, labels) = (self, data.set, data.label_kind());
        match cache.load_with(name, labels) {
            Err(datasets::Error::Missing { .. }) => {
                crate::text::tell!("{name} is not in {}: fetching it", cache.root.display());
                cache.fetch(name, &mut Download::new())?;
                Ok(cache.load_with(name, labels)?)
            }
            other => Ok(other?),
        }
    }
}

/// Shows a download on standard error.
pub struct Download {
    bar: Option<ProgressBar>,
}

impl Download {
    /// Returns a display that shows nothing until a file begins.
    pub fn new() -> Self {
        Self { bar: None }
    }
}

impl datasets::Progress for Download {
    fn begin(&mut self, file: &str, address: &str, done: u64, total: Option<u64>) {
        crate::text::tell!(
            "{file} from {address}{}",
            if done > 0 { format!(", going on after {}", size(done)) } else { String::new() }
        );
        let template = "{bar:24} {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left";
        self.bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total.unwrap_or(0)).with_style(style).with_position(done)
        });
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn note(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => crate::text::tell!("{line}"),
        }
    }

    fn stop(&self) -> bool {
        interrupt::requested()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
