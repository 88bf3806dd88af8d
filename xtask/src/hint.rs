//! Commands in messages that can be pasted as they stand: quoted, and with the options that were given.
use std::path::Path;
use std::sync::OnceLock;

use crate::flags::{Change, Command, Figure, Folders, Reproduce, Search, Sweep, Verdict};

const PROGRAM: &str = "cargo xtask";

/// The options of the command line that a command in a message needs, too.
static GIVEN: OnceLock<Given> = OnceLock::new();

/// Name and value of an option, the value quoted for a shell.
type Pair = (&'static str, String);

/// Options that were given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    /// `--scale`, `--variant`, `--seeds`, `--set`.
    change: Vec<Pair>,
    /// `--store`, `--out`.
    folders: Vec<Pair>,
    /// `--data`.
    data: Vec<Pair>,
}

impl Given {
    fn add_change(&mut self, change: &Change) {
        if change.scale != experiment::PAPER {
            self.change.push(("--scale", quoted(&change.scale)));
        }
        if let Some(variant) = &change.variant {
            self.change.push(("--variant", quoted(variant)));
        }
        if let Some(seeds) = change.seeds {
            self.change.push(("--seeds", seeds.to_string()));
        }
        for set in &change.sets {
            self.change.push(("--set", quoted(set)));
        }
    }

    fn add_folders(&mut self, folders: &Folders) {
        self.folders.extend(option("--store", folders.store.as_deref()));
        self.folders.extend(option("--out", folders.out.as_deref()));
        self.data.extend(option("--data", folders.data.as_deref()));
    }

    fn scale(&mut self, scale: &str) {
        if scale != experiment::PAPER {
            self.change.push(("--scale", quoted(scale)));
        }
    }

    fn of(command: &Command) -> Self {
        let mut given = Self::default();
        match command {
            Command::Reproduce(Reproduce { training, .. })
            | Command::Sweep(Sweep { training, .. })
            | Command::Search(Search { training, .. }) => {
                given.add_change(&training.change);
                given.add_folders(&training.folders);
            }
            Command::Figure(Figure { change, folders, .. }) | Command::Verdict(Verdict { change, folders, .. }) => {
                given.add_change(change);
                given.add_folders(folders);
            }
            Command::List(args) => {
                given.scale(&args.scale);
                given.add_folders(&args.folders);
            }
            Command::Status(args) => {
                given.scale(&args.scale);
                given.add_folders(&args.folders);
            }
            Command::Check(args) => given.add_folders(&args.folders),
            Command::Data(args) => given.data.extend(option("--data", args.data.as_deref())),
            Command::Bench(args) => given.data.extend(option("--data", args.data.as_deref())),
            _ => {}
        }
        given
    }

    /// The options that a command of this name takes.
    fn for_command(&self, name: &str) -> impl Iterator<Item = &Pair> {
        let parts: &[&Vec<Pair>] = match name {
            "reproduce" | "figure" | "verdict" | "sweep" | "search" => &[&self.change, &self.folders, &self.data],
            "check" => &[&self.folders, &self.data],
            "data" | "bench" => &[&self.data],
            _ => &[],
        };
        parts.iter().flat_map(|pairs| pairs.iter()).collect::<Vec<_>>().into_iter()
    }

    /// Returns a text in which every `cargo xtask COMMAND ...` has the options that were given, too.
    fn complete(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(PROGRAM) {
            let (before, command) = rest.split_at(at);
            out.push_str(before);
            let (words, after) = command.split_at(end(command));
            out.push_str(words);
            let name = words[PROGRAM.len()..].split_whitespace().next().unwrap_or_default();
            // A command without an argument is only mentioned, not recommended.
            let recommended = words[PROGRAM.len()..].split_whitespace().count() > 1;
            let lacking = |(option, _): &&Pair| recommended && !words.split_whitespace().any(|word| word == *option);
            for (option, value) in self.for_command(name).filter(lacking) {
                out.push_str(&format!(" {option} {value}"));
            }
            rest = after;
        }
        out + rest
    }
}

/// Length of the command with which a text begins: it ends at a backtick, a line's end, or punctuation that a space follows.
fn end(text: &str) -> usize {
    let stops = |(at, c): (usize, char)| match c {
        '`' | '\n' | ')' => true,
        ';' | ',' | '.' | ':' => text[at + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace),
        _ => false,
    };
    text.char_indices().find(|&item| stops(item)).map_or(text.len(), |(at, _)| at)
}

fn option(name: &'static str, path: Option<&Path>) -> Option<Pair> {
    path.map(|path| (name, quoted(&path.display().to_string())))
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    // A word with a zero byte cannot have come from a command line.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

/// Remembers what was given, for [`complete`].
pub fn remember(command: &Command) {
    let _ = GIVEN.set(Given::of(command));
}

/// A message in which every recommended command has the options that were given.
pub fn complete(text: &str) -> String {
    GIVEN.get().map_or_else(|| text.to_owned(), |given| given.complete(text))
}

/// Returns the present command in a form that can be pasted.
pub fn again() -> String {
    let words = std::env::args().skip(1).map(|word| quoted(&word));
    std::iter::once(PROGRAM.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::Given;
    use crate::flags::Cli;

    fn given(arguments: &[&str]) -> Given {
        Given::of(&Cli::parse_from([&["cargo xtask"], arguments].concat()).command)
    }

    #[test]
    fn recommended_commands_get_what_was_given() {
        let given = given(&[
            "verdict",
            "fig13",
            "--set",
            "model.hidden=[64]",
            "--data",
            "my sets",
            "--store",
            "s",
            "--seeds=2",
        ]);
        assert_eq!(
            given.complete("nothing is published; `cargo xtask reproduce fig13` makes it"),
            "nothing is published; `cargo xtask reproduce fig13 --seeds 2 --set 'model.hidden=[64]' --store s \
             --data 'my sets'` makes it"
        );
        assert_eq!(
            given.complete("mnist is missing; get it: cargo xtask data fetch mnist."),
            "mnist is missing; get it: cargo xtask data fetch mnist --data 'my sets'."
        );
        assert_eq!(
            given.complete("keep one first: cargo xtask check fig4 --keep"),
            "keep one first: cargo xtask check fig4 --keep --store s --data 'my sets'"
        );
        let whole = "Go on with: cargo xtask reproduce fig13 --set a=1 --seeds 3 --store s --data d";
        assert_eq!(given.complete(whole), whole, "no option is said twice");
        assert_eq!(given.complete("`cargo xtask verdict` tells more"), "`cargo xtask verdict` tells more");
    }

    #[test]
    fn where_nothing_was_given_nothing_is_added() {
        let text = "run `cargo xtask reproduce all`, then cargo xtask list; done";
        assert_eq!(given(&["list"]).complete(text), text);
    }
}
