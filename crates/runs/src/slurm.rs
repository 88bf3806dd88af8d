//! Runs on a cluster: the script of a Slurm job array whose tasks share the runs of a list through the store's locks.
//!
//! Slurm decides when and where a task runs; the store decides which run it trains ([`Scheduler::claim`]). A task trains run after
//! run until no run is left that nobody trains, and never waits for another task. So nothing depends on the state of jobs: a task that
//! is preempted, killed or requeued leaves a checkpoint, which the next task takes over, and two arrays at once share the runs.
//!
//! [`Scheduler::claim`]: crate::scheduler::Scheduler::claim
use std::fmt::Write as _;
use std::path::Path;

use experiment::spec::RunSpec;

/// Beginning of the name of every job.
pub const JOB_PREFIX: &str = "twoscale-";

/// Most tasks of an array where the cluster does not say: Slurm's own default.
pub const MAX_ARRAY_SIZE: usize = 1001;

/// A job array.
#[derive(Clone, Debug)]
pub struct Array<'a> {
    /// Name of the job, after [`JOB_PREFIX`].
    pub name: &'a str,
    /// Number of tasks.
    pub tasks: usize,
    /// Most tasks at a time; `None`: as many as the cluster gives.
    pub limit: Option<usize>,
    /// Partition; `None`: the cluster's default.
    pub partition: Option<&'a str>,
    /// Time limit of a task; `None`: the partition's.
    pub time: Option<&'a Time>,
    /// Folder of the tasks' output.
    pub logs: &'a Path,
    /// Command of a task, the program first.
    pub command: &'a [String],
}

impl Array<'_> {
    /// Returns the script for `sbatch`.
    ///
    /// A quarter of the time limit, at most two minutes, before its end Slurm sends USR1 to the script, which asks the program for a
    /// checkpoint and puts the task back into the queue. A task that is preempted gets TERM and keeps a checkpoint too; Slurm itself
    /// puts it back, and one that a user cancels stays cancelled.
    #[must_use]
    pub fn script(&self) -> String {
        let Self { name, tasks, limit, partition, time, logs, command } = self;
        let last = tasks.saturating_sub(1);
        let limit = limit.map_or_else(String::new, |limit| format!("%{limit}"));
        let warning = time.map_or(120, |time| (time.seconds / 4).clamp(1, 120));
        let mut text = format!(
            "#!/bin/bash\n\
             #SBATCH --job-name={JOB_PREFIX}{name}\n\
             #SBATCH --array=0-{last}{limit}\n\
             #SBATCH --ntasks=1\n\
             #SBATCH --cpus-per-task=1\n\
             #SBATCH --requeue\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --signal=B:USR1@{warning}\n\
             #SBATCH --output=\"{}/%A_%a.log\"\n",
            logs.display()
        );
        if let Some(partition) = partition {
            let _ = writeln!(text, "#SBATCH --partition={partition}");
        }
        if let Some(time) = time {
            let _ = writeln!(text, "#SBATCH --time={}", time.text);
        }
        let command: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let _ = write!(
            text,
            "\n\
             child= warned= stopped=\n\
             stop() {{ stopped=1; [ -z \"$child\" ] || kill -TERM \"$child\" 2>/dev/null; }}\n\
             trap 'warned=1; stop' USR1\n\
             trap stop TERM INT\n\
             {} &\n\
             child=$!\n\
             # A signal may have come before the number of the child was known.\n\
             [ -z \"$stopped\" ] || stop\n\
             # A signal ends `wait` early; the program keeps a checkpoint and ends soon.\n\
             while wait \"$child\"; status=$?; kill -0 \"$child\" 2>/dev/null; do :; done\n\
             # The time limit was near: the rest is for another turn.\n\
             if [ -n \"$warned\" ] && [ \"$status\" -ne 0 ]; then\n    \
             scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\" && exit 0\n\
             fi\n\
             exit \"$status\"\n",
            command.join(" ")
        );
        text
    }
}

/// Splits `tasks` into arrays of at most `largest`, which is `MaxArraySize` of the cluster's configuration.
#[must_use]
pub fn arrays(tasks: usize, largest: usize) -> Vec<usize> {
    let largest = largest.max(1);
    let rest = tasks % largest;
    let mut sizes = vec![largest; tasks / largest];
    sizes.extend((rest > 0).then_some(rest));
    sizes
}

/// Reads `MaxArraySize` in the output of `scontrol show config`.
#[must_use]
pub fn max_array_size(config: &str) -> Option<usize> {
    let line = config.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    line.split_once('=')?.1.trim().parse().ok().filter(|&size| size > 0)
}

/// The runs of a list as one task sees them: task i begins at run i, so that tasks that start together do not all try the same one.
#[must_use]
pub fn from_task(mut specs: Vec<RunSpec>, task: usize) -> Vec<RunSpec> {
    if !specs.is_empty() {
        let first = task % specs.len();
        specs.rotate_left(first);
    }
    specs
}

/// A time limit as Slurm writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    text: String,
    seconds: u64,
}

impl std::str::FromStr for Time {
    type Err = String;

    /// Reads `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes` or
    /// `days-hours:minutes:seconds`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is no time limit of Slurm: give minutes, hours:minutes:seconds or days-hours, such as 90, 1:30:00 or 2-12"
            )
        };
        let (days, rest) = text.split_once('-').map_or((None, text), |(days, rest)| (Some(days), rest));
        let number = |text: &str| match text.len() {
            1..=6 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u64>().map_err(|_| refused()),
            _ => Err(refused()),
        };
        let parts = rest.split(':').map(number).collect::<Result<Vec<u64>, _>>()?;
        let seconds = match (days.map(number).transpose()?, parts.as_slice()) {
            (None, [minutes]) => minutes * 60,
            (None, [minutes, seconds]) => minutes * 60 + seconds,
            (None, [hours, minutes, seconds]) => (hours * 60 + minutes) * 60 + seconds,
            (Some(days), [hours]) => (days * 24 + hours) * 3600,
            (Some(days), [hours, minutes]) => ((days * 24 + hours) * 60 + minutes) * 60,
            (Some(days), [hours, minutes, seconds]) => ((days * 24 + hours) * 60 + minutes) * 60 + seconds,
            _ => return Err(refused()),
        };
        if seconds == 0 { Err(refused()) } else { Ok(Self { text: text.to_owned(), seconds }) }
    }
}

/// Quotes a word so that the shell takes it literally.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array<'a>(command: &'a [String], time: Option<&'a Time>) -> Array<'a> {
        Array {
            name: "fig13",
            tasks: 48,
            limit: Some(8),
            partition: Some("low"),
            time,
            logs: Path::new("/s/logs"),
            command,
        }
    }

    #[test]
    fn a_script_says_what_was_asked_for() {
        let command = ["/s/it's here/xtask".to_owned(), "slurm-task".to_owned()];
        let script = array(&command, Some(&"20".parse().expect("minutes"))).script();
        for line in [
            "#SBATCH --job-name=twoscale-fig13",
            "#SBATCH --array=0-47%8",
            "#SBATCH --partition=low",
            "#SBATCH --time=20",
            "#SBATCH --signal=B:USR1@120",
            "#SBATCH --output=\"/s/logs/%A_%a.log\"",
            r"'/s/it'\''s here/xtask' 'slurm-task' &",
        ] {
            assert!(script.lines().any(|found| found == line), "{line}\n{script}");
        }
        assert!(array(&command, Some(&"2".parse().expect("minutes"))).script().contains("B:USR1@30\n"));
        assert!(!array(&command, None).script().contains("--time"));
    }

    #[test]
    fn arrays_are_no_larger_than_the_cluster_allows() {
        assert_eq!(arrays(48, 1001), [48]);
        assert_eq!(arrays(2500, 1001), [1001, 1001, 498]);
        assert_eq!(arrays(2002, 1001), [1001, 1001]);
        assert!(arrays(0, 1001).is_empty());
        assert_eq!(max_array_size("MaxDBDMsgs = 1\nMaxArraySize            = 1001\n"), Some(1001));
        assert_eq!(max_array_size("MaxArraySize = many"), None);
    }

    #[test]
    fn time_limits_are_slurms() {
        for (text, seconds) in [
            ("90", 5400),
            ("1:30", 90),
            ("1:30:00", 5400),
            ("2-12", 216_000),
            ("1-0:30", 88_200),
            ("1-00:00:01", 86_401),
        ] {
            assert_eq!(text.parse::<Time>().map(|time| time.seconds), Ok(seconds), "{text}");
        }
        for text in ["", "0", "soon", "-1", "1:2:3:4", "1-", "1 h", "99999999999999999999"] {
            assert!(text.parse::<Time>().is_err_and(|why| why.contains("1:30:00")), "{text}");
        }
    }

    #[test]
    fn each_task_begins_at_another_run_and_knows_all() {
        let specs = crate::train::samples::specs(3);
        let seeds = |task| from_task(specs.clone(), task).iter().map(|spec| spec.seed).collect::<Vec<_>>();
        assert_eq!([seeds(0), seeds(4)], [[1, 2, 3], [2, 3, 1]]);
        assert!(from_task(Vec::new(), 2).is_empty());
    }

    /// Runs a script without Slurm: a substitute for `scontrol` records its arguments.
    #[cfg(unix)]
    fn run_script(command: &str, signal: Option<&str>) -> (Option<i32>, String) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("scontrol"), format!("#!/bin/sh\necho \"$@\" > {}\n", path("asked").display()))
            .expect("written");
        std::fs::set_permissions(path("scontrol"), std::fs::Permissions::from_mode(0o755)).expect("executable");
        let command = ["sh".to_owned(), "-c".to_owned(), format!("cd {}; {command}", folder.path().display())];
        std::fs::write(path("script"), array(&command, None).script()).expect("written");
        let mut child = std::process::Command::new("bash")
            .arg(path("script"))
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .env("SLURM_ARRAY_JOB_ID", "7")
            .env("SLURM_ARRAY_TASK_ID", "3")
            .spawn()
            .expect("bash is there");
        if let Some(signal) = signal {
            while !path("ready").exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
            assert!(sent.is_ok_and(|sent| sent.success()));
        }
        let status = child.wait().expect("ends").code();
        (status, std::fs::read_to_string(path("asked")).unwrap_or_default())
    }

    #[cfg(unix)]
    #[test]
    fn the_warning_signal_puts_the_task_back_and_a_preemption_does_not() {
        let waits = "trap 'exit 143' TERM; touch ready; while :; do sleep 0.05; done";
        assert_eq!(run_script("exit 0", None), (Some(0), String::new()));
        assert_eq!(run_script("exit 1", None), (Some(1), String::new()));
        assert_eq!(run_script(waits, Some("-USR1")), (Some(0), "requeue 7_3\n".to_owned()));
        assert_eq!(run_script(waits, Some("-TERM")), (Some(143), String::new()));
        let done = "trap 'exit 0' TERM; touch ready; while :; do sleep 0.05; done";
        assert_eq!(run_script(done, Some("-USR1")), (Some(0), String::new()), "what is done is not put back");
    }
}
