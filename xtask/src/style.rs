//! Colours, written as escape sequences and taken out again where standard output or error is no terminal, or where
//! `NO_COLOR` is set.
use anstyle::{AnsiColor, Style};

const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Words and their colours at the end of a line of a table: verdicts, and where a run or a figure stands.
const WORDS: [(&str, Style); 9] = [
    ("holds", GREEN),
    ("direction-only", YELLOW),
    ("fails", RED),
    ("unclear", YELLOW),
    ("not-run", AnsiColor::BrightBlack.on_default()),
    ("depends", YELLOW),
    ("yes", RED),
    ("open", YELLOW),
    ("diverged", RED),
];

/// A text in bold.
pub fn bold(text: &str) -> String {
    paint(text, Style::new().bold())
}

/// `error:`, in red.
pub fn error() -> String {
    paint("error:", RED.bold())
}

/// A table with the verdict at the end of each line coloured.
pub fn verdicts(table: &str) -> String {
    table.lines().map(verdict).collect::<Vec<_>>().join("\n")
}

fn verdict(line: &str) -> String {
    let coloured = WORDS.iter().find_map(|(word, style)| {
        let rest = line.strip_suffix(word)?;
        rest.ends_with(' ').then(|| format!("{rest}{}", paint(word, *style)))
    });
    coloured.unwrap_or_else(|| line.to_owned())
}

fn paint(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::verdicts;

    #[test]
    fn only_the_verdict_at_the_end_of_a_line_is_coloured() {
        let table = "13a  two-scale holds up   +7.1 pp  holds\n     note: nobody holdsn't";
        assert_eq!(
            verdicts(table),
            "13a  two-scale holds up   +7.1 pp  \u{1b}[32mholds\u{1b}[0m\n     note: nobody holdsn't"
        );
    }
}
