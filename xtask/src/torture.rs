//! `torture`: kills, damage, full disks and many processes, with real processes on stores of their own; prints counts of all attacks.
//!
//! Every round ends the same way: the records must be byte for byte those of an undisturbed run.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use runs::store::Store;
use tempfile::TempDir;

use crate::error::CommandError;
use crate::text::{say, tell};

/// Attacks the store with kills, damage and full disks, and reports what was lost.
///
/// Trains small runs again and again in folders of its own, with the fake and the real trainer: killed at random moments, by two and
/// four processes at once, on a full disk, on a read-only one, with every byte of a record damaged in turn. Prints the number of attacks,
/// and fails when a record differs from the undisturbed one, or a damaged one is used.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask torture                 two minutes
  cargo xtask torture --seconds 900   a longer look; another --seed kills at other moments")]
pub struct Torture {
    /// Seconds that the command takes, about.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Seed of the moments and places.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// Files of a record that must not depend on interruptions of its run.
const FILES: [&str; 3] = ["history.safetensors", "evaluation.safetensors", "model.safetensors"];

/// Time within which any child must end.
const PATIENCE: Duration = Duration::from_secs(300);

/// Bytes of one file that are damaged in turn.
const EVERY: usize = 2500;

type Done = Result<(), String>;

/// Runs the command.
pub fn run(args: &Torture) -> Result<(), CommandError> {
    let folder = tempfile::tempdir().map_err(CommandError::failed)?;
    let program = std::env::current_exe().map_err(CommandError::failed)?;
    let mut attack = Attack {
        folder,
        program,
        random: Random(args.seed | 1),
        figures: BTreeMap::new(),
        failures: Vec::new(),
        rounds: 0,
    };
    let begun = Instant::now();
    let budget = Duration::from_secs(args.seconds);
    let fake = attack.reference(Trainer::Fake).map_err(CommandError::Failed)?;
    let real = attack.reference(Trainer::Real).map_err(CommandError::Failed)?;
    // Each part may go on until this share of the time has passed; every part does one round at least.
    let until = |share: f64| begun + budget.mul_f64(share);
    attack.part("damaged records", |attack| attack.damage_records(&fake));
    attack.part("status --verify and --prune", |attack| attack.verify_and_prune(&fake));
    attack.part("store of an older version", |attack| attack.older_version(&fake));
    attack.part("full disk, read-only store", |attack| attack.full_disk(&fake));
    attack.repeat("damaged checkpoints", until(0.25), |attack| attack.damage_checkpoint(&fake));
    attack.repeat("kills, fake trainer", until(0.5), |attack| attack.kill_until_done(&fake));
    attack.repeat("two processes", until(0.6), |attack| attack.together(&fake, 2));
    attack.repeat("four processes", until(0.7), |attack| attack.together(&fake, 4));
    attack.repeat("kills, real trainer", until(1.0), |attack| attack.kill_until_done(&real));
    attack.report(begun.elapsed())
}

/// Trainer of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trainer {
    Fake,
    Real,
}

/// Records of undisturbed runs.
struct Reference {
    trainer: Trainer,
    /// Bytes of [`FILES`], by key.
    records: BTreeMap<String, Vec<Vec<u8>>>,
    /// Folder of the store.
    store: PathBuf,
}

/// State of the command.
struct Attack {
    folder: TempDir,
    program: PathBuf,
    random: Random,
    figures: BTreeMap<&'static str, u64>,
    failures: Vec<String>,
    rounds: u64,
}

impl Attack {
    /// Trains without disturbance.
    fn reference(&mut self, trainer: Trainer) -> Result<Reference, String> {
        let store = self.folder.path().join(format!("reference-{trainer:?}"));
        let output = self.reproduce(trainer, &store, 0).output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("nothing can be trained here: {}", words(&output)));
        }
        let records = records(trainer, &store)?;
        Ok(Reference { trainer, records, store })
    }

    /// A command that trains a small figure.
    fn reproduce(&self, trainer: Trainer, store: &Path, delay: u64) -> Command {
        let mut command = self.command(store);
        command.args(["reproduce", "fig13", "--scale", "smoke"]);
        match trainer {
            Trainer::Fake => command.args(["--fake-trainer", "--fake-delay", &delay.to_string()]),
            Trainer::Real => command.args(["--seeds", "2", "--only", "single", "--only", "two-scale-0.01"]),
        };
        command.arg("--out").arg(self.folder.path().join("figures"));
        command
    }

    fn command(&self, store: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env("TWOSCALE_STORE", store).env("CANDLE_NUM_THREADS", "1").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Folder of a round's own store.
    fn fresh(&mut self) -> PathBuf {
        self.rounds += 1;
        self.folder.path().join(format!("round-{}", self.rounds))
    }

    fn count(&mut self, what: &'static str, number: u64) {
        *self.figures.entry(what).or_default() += number;
    }

    /// Does a part once.
    fn part(&mut self, name: &str, part: impl FnOnce(&mut Self) -> Done) {
        tell!("{name} ...");
        if let Err(why) = part(self) {
            tell!("FAILED: {why}");
            self.failures.push(format!("{name}: {why}"));
        }
    }

    /// Does a part again and again until `end`, once at least.
    fn repeat(&mut self, name: &str, end: Instant, mut part: impl FnMut(&mut Self) -> Done) {
        self.part(name, |attack| {
            loop {
                part(attack)?;
                if Instant::now() >= end {
                    return Ok(());
                }
            }
        });
    }

    /// Kills a process at random moments until it gets to its end.
    fn kill_until_done(&mut self, reference: &Reference) -> Done {
        let store = self.fresh();
        loop {
            // Without a delay nearly all time goes into writing.
            let delay = [0, 0, 100, 1000][self.random.below(4)];
            let mut child = spawn(&mut self.reproduce(reference.trainer, &store, delay))?;
            let moment = Duration::from_millis(1 + self.random.below(900) as u64);
            if ended_within(&mut child, moment)? {
                let output = child.wait_with_output().map_err(|error| error.to_string())?;
                if !output.status.success() {
                    return Err(format!("after kills: {}", words(&output)));
                }
                break;
            }
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            self.count("kills", 1);
            if unfinished(&store) {
                self.count("kills that hit a record being written", 1);
            }
        }
        self.compare(reference, &store)
    }

    /// Several processes on one store, one of them killed with its locks; the last one has another host name where the system permits it.
    fn together(&mut self, reference: &Reference, processes: usize) -> Done {
        let store = self.fresh();
        let mut children = Vec::new();
        for index in 0..processes {
            let mut command = self.reproduce(reference.trainer, &store, 200);
            if index + 1 == processes && other_host() {
                command = as_other_host(&command);
                self.count("processes under another host name", 1);
            }
            children.push(spawn(&mut command)?);
        }
        let moment = Duration::from_millis(self.random.below(1500) as u64);
        if !ended_within(&mut children[0], moment)? {
            children[0].kill().map_err(|error| error.to_string())?;
            self.count("kills", 1);
        }
        for (index, child) in children.into_iter().enumerate() {
            let output = wait(child)?;
            if index > 0 && !output.status.success() {
                return Err(format!("process {index} of {processes}: {}", words(&output)));
            }
        }
        self.count("rounds of several processes", 1);
        self.compare(reference, &store)
    }

    /// Flips a bit of every byte of one record, and random bits of the others.
    fn damage_records(&mut self, reference: &Reference) -> Done {
        let store = self.copy(reference)?;
        let open = Store::open_fake(&store);
        let mut unnoticed = 0;
        for (number, key) in reference.records.keys().enumerate() {
            for name in FILES.iter().chain(&["run.json"]) {
                let path = open.root().join(key).join(name);
                let whole = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let places: Vec<usize> = match number {
                    // Every byte of a small file is damaged, and of a large file [`EVERY`] bytes in equal steps.
                    0 => (0..whole.len()).step_by(whole.len().div_ceil(EVERY).max(1)).collect(),
                    _ => (0..20).map(|_| self.random.below(whole.len())).collect(),
                };
                for place in places {
                    let mut bytes = whole.clone();
                    bytes[place] ^= 1 << self.random.below(8);
                    fs::write(&path, bytes).map_err(|error| error.to_string())?;
                    unnoticed += u64::from(!open.load(key).is_err_and(|error| error.is_unusable_record()));
                    self.count("bits flipped in records", 1);
                }
                fs::write(&path, whole).map_err(|error| error.to_string())?;
            }
        }
        self.count("damaged records used", unnoticed);
        if unnoticed > 0 {
            Err(format!("{unnoticed} flipped bits were not noticed"))
        } else {
            self.compare(reference, &store)
        }
    }

    /// Stops a run with SIGTERM, flips a bit of each checkpoint, and goes on.
    fn damage_checkpoint(&mut self, reference: &Reference) -> Done {
        let store = self.fresh();
        let mut child = spawn(&mut self.reproduce(reference.trainer, &store, 2000))?;
        let moment = Duration::from_millis(300 + self.random.below(900) as u64);
        if !ended_within(&mut child, moment)? {
            terminate(&child)?;
        }
        wait(child)?;
        let root = Store::open_fake(&store).root().to_owned();
        let mut damaged = 0;
        for name in names(&root).into_iter().filter(|name| name.ends_with(".partial")) {
            let path = root.join(name).join("checkpoint");
            let Ok(mut bytes) = fs::read(&path) else { continue };
            let place = self.random.below(bytes.len());
            bytes[place] ^= 1 << self.random.below(8);
            fs::write(&path, bytes).map_err(|error| error.to_string())?;
            damaged += 1;
        }
        let output = run_to_end(&mut self.reproduce(reference.trainer, &store, 0))?;
        let told = String::from_utf8_lossy(&output.stderr).matches("begins anew").count();
        self.count("bits flipped in checkpoints", damaged);
        if told as u64 != damaged {
            return Err(format!("{damaged} checkpoints damaged, {told} told: {}", words(&output)));
        }
        self.compare(reference, &store)
    }

    /// Has the command line find a damaged record, refuse to draw it, remove it and train it again.
    fn verify_and_prune(&mut self, reference: &Reference) -> Done {
        let store = self.copy(reference)?;
        let key = reference.records.keys().next().cloned().unwrap_or_default();
        let path = Store::open_fake(&store).root().join(&key).join("model.safetensors");
        let mut bytes = fs::read(&path).map_err(|error| error.to_string())?;
        let place = self.random.below(bytes.len());
        bytes[place] ^= 1;
        fs::write(&path, bytes).map_err(|error| error.to_string())?;
        let status = ["status", "--scale", "smoke", "--fake-trainer", "--verify"];
        let mut verify = self.command(&store);
        expect(verify.args(status), 1, &[&key, "model.safetensors"])?;
        expect(&mut self.reproduce(reference.trainer, &store, 0), 1, &[&key, "is damaged"])?;
        let mut prune = self.command(&store);
        expect(prune.args(status).arg("--prune"), 0, &["removed: 1 item"])?;
        expect(&mut self.reproduce(reference.trainer, &store, 0), 0, &["1 run to train"])?;
        self.compare(reference, &store)
    }

    /// Takes the digests from all records, as an older version wrote them.
    fn older_version(&mut self, reference: &Reference) -> Done {
        let store = self.copy(reference)?;
        for key in reference.records.keys() {
            let path = Store::open_fake(&store).root().join(key).join("run.json");
            let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let (text, _) = text.rsplit_once(",\n  \"digest\"").ok_or("a record without a digest")?;
            fs::write(&path, format!("{text}\n}}\n")).map_err(|error| error.to_string())?;
        }
        expect(&mut self.reproduce(reference.trainer, &store, 0), 1, &["is of an older version"])?;
        let mut prune = self.command(&store);
        let status = ["status", "--scale", "smoke", "--fake-trainer", "--prune", "--older"];
        expect(prune.args(status), 0, &[&format!("removed: {} items", reference.records.len())])?;
        expect(&mut self.reproduce(reference.trainer, &store, 0), 0, &[])?;
        self.count("records of an older version refused", reference.records.len() as u64);
        self.compare(reference, &store)
    }

    /// Fills a small disk, enlarges it, finishes; then forbids writing. Needs the right to mount.
    fn full_disk(&mut self, reference: &Reference) -> Done {
        let store = self.fresh();
        fs::create_dir_all(&store).map_err(|error| error.to_string())?;
        let mount = |options: &str| {
            let mut command = Command::new("mount");
            command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&store);
            quiet(&mut command).is_ok_and(|output| output.status.success())
        };
        if !cfg!(target_os = "linux") || !mount("size=2m") {
            tell!("skipped: no right to mount a small disk here");
            return Ok(());
        }
        // The runs are more than the disk holds once it is large enough to begin.
        let many = |attack: &Self| {
            let mut command = attack.reproduce(reference.trainer, &store, 0);
            command.args(["--seeds", "24"]);
            command
        };
        let done = (|| {
            expect(&mut many(self), 1, &["cannot write to the store", "No space left"])?;
            if !mount("remount,size=5m") {
                return Err("the disk does not grow".to_owned());
            }
            expect(&mut many(self), 1, &["No space left", "not begun"])?;
            if unfinished(&store) {
                return Err("something half-made is left on the full disk".to_owned());
            }
            if !mount("remount,size=64m") {
                return Err("the disk does not grow".to_owned());
            }
            expect(&mut many(self), 0, &[])?;
            same(reference, &store)?;
            if !mount("remount,ro") {
                return Err("the disk cannot be made read-only".to_owned());
            }
            expect(&mut many(self), 0, &["144 done"])?;
            let mut more = self.reproduce(reference.trainer, &store, 0);
            expect(more.args(["--seeds", "25"]), 1, &["cannot write to the store"])
        })();
        let _ = quiet(Command::new("umount").arg(&store));
        self.count("full disks", 1);
        self.count("read-only stores", 1);
        done
    }

    /// A copy of the reference's store.
    fn copy(&mut self, reference: &Reference) -> Result<PathBuf, String> {
        let store = self.fresh();
        let (from, to) = (Store::open_fake(&reference.store), Store::open_fake(&store));
        for key in reference.records.keys() {
            let folder = to.root().join(key);
            fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            for name in names(&from.root().join(key)) {
                fs::copy(from.root().join(key).join(&name), folder.join(&name)).map_err(|error| error.to_string())?;
            }
        }
        Ok(store)
    }

    /// Compares a store with the reference, counts, and removes it.
    fn compare(&mut self, reference: &Reference, store: &Path) -> Done {
        let compared = same(reference, store);
        self.count("runs compared byte for byte", reference.records.len() as u64);
        match &compared {
            Ok(()) => drop(fs::remove_dir_all(store)),
            Err(_) => self.count("runs lost or changed", 1),
        }
        compared
    }

    fn report(mut self, took: Duration) -> Result<(), CommandError> {
        self.count("runs lost or changed", 0);
        self.count("damaged records used", 0);
        say(format!("torture, {} s:", took.as_secs()));
        for (what, number) in &self.figures {
            say(format!("{number:>9}  {what}"));
        }
        if self.failures.is_empty() {
            return Ok(());
        }
        let kept = self.folder.keep();
        Err(CommandError::Failed(format!("{}\nits stores are in {}", self.failures.join("\n"), kept.display())))
    }
}

/// Numbers without a pattern that a test could follow; the same for the same seed (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound.max(1)
    }
}

/// Bytes of all records of a store.
fn records(trainer: Trainer, store: &Path) -> Result<BTreeMap<String, Vec<Vec<u8>>>, String> {
    let store = if trainer == Trainer::Fake { Store::open_fake(store) } else { Store::open(store) };
    let mut records = BTreeMap::new();
    for key in store.keys().map_err(|error| error.to_string())? {
        store.verify(&key).map_err(|error| error.to_string())?;
        let read = |name: &&str| fs::read(store.root().join(&key).join(name)).map_err(|error| error.to_string());
        let files = FILES.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        records.insert(key, files);
    }
    Ok(records)
}

/// Fails unless a store holds the very records of the reference.
fn same(reference: &Reference, store: &Path) -> Done {
    let found = records(reference.trainer, store)?;
    let differs = reference.records.iter().filter(|(key, files)| found.get(*key) != Some(files)).count();
    if differs > 0 {
        Err(format!("{differs} of {} runs are missing or differ", reference.records.len()))
    } else {
        Ok(())
    }
}

/// Names in a folder; none where it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Tells whether a half-written record or checkpoint lies in a store.
fn unfinished(store: &Path) -> bool {
    [store.to_owned(), store.join("fake")].iter().any(|root| {
        names(root)
            .iter()
            .any(|name| name.ends_with(".new") || names(&root.join(name)).iter().any(|name| name.ends_with(".new")))
    })
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| error.to_string())
}

/// Waits at most `time` for a child to end.
fn ended_within(child: &mut Child, time: Duration) -> Result<bool, String> {
    let begun = Instant::now();
    loop {
        if child.try_wait().map_err(|error| error.to_string())?.is_some() {
            return Ok(true);
        }
        if begun.elapsed() >= time {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for a child; one that hangs is a failure.
fn wait(mut child: Child) -> Result<Output, String> {
    if !ended_within(&mut child, PATIENCE)? {
        let _ = child.kill();
        return Err(format!("a process did not end within {} s", PATIENCE.as_secs()));
    }
    child.wait_with_output().map_err(|error| error.to_string())
}

fn run_to_end(command: &mut Command) -> Result<Output, String> {
    wait(spawn(command)?)
}

/// Runs a command that must end with a given status and print these words.
fn run_to_end_with(command: &mut Command, status: i32, said: &[&str]) -> Result<Output, String> {
    let output = run_to_end(command)?;
    let text = words(&output);
    match said.iter().find(|word| !text.contains(**word)) {
        _ if output.status.code() != Some(status) => {
            Err(format!("status {:?}, not {status}: {text}", output.status.code()))
        }
        Some(word) => Err(format!("`{word}` is not said: {text}")),
        None => Ok(output),
    }
}

fn expect(command: &mut Command, status: i32, said: &[&str]) -> Done {
    run_to_end_with(command, status, said).map(drop)
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn quiet(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

/// Asks a child to stop, as schedulers of clusters do.
fn terminate(child: &Child) -> Done {
    quiet(Command::new("kill").args(["-TERM", &child.id().to_string()])).map(drop).map_err(|error| error.to_string())
}

/// Tells whether processes can have another host name, which needs Linux and the right to it.
fn other_host() -> bool {
    cfg!(target_os = "linux")
        && quiet(Command::new("unshare").args(["--uts", "true"])).is_ok_and(|output| output.status.success())
}

/// The same command under another host name.
fn as_other_host(command: &Command) -> Command {
    let mut other = Command::new("unshare");
    other.args(["--uts", "sh", "-c", "hostname another-host && exec \"$0\" \"$@\""]);
    other.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            other.env(name, value);
        }
    }
    other.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    other
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn moments_depend_on_the_seed_and_reach_everywhere() {
        let draw = |seed| {
            let mut random = Random(seed);
            (0..200).map(|_| random.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(5));
        assert!((0..10).all(|number| draw(3).contains(&number)));
    }
}
