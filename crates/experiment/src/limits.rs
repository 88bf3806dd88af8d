//! Limits that hold before a text is parsed: size, nesting, aliases. The parser's time grows with the square of the nesting, and
//! aliases can make a short file expand without end, so both are refused by reading events only.
use saphyr_parser::{Event, Parser};
use serde_yaml::Value;

/// Largest text in bytes. The largest experiment file of the repository has about 10 kB.
pub const MAX_BYTES: usize = 256 * 1024;

/// Deepest nesting of mappings and lists. An experiment file needs about 8.
pub const MAX_DEPTH: usize = 64;

/// Reason why a text is no YAML that an experiment may be written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYaml {
    /// Line, from 1.
    pub line: usize,
    /// One clause that says what is wrong.
    pub reason: String,
}

/// Parses YAML within the limits.
///
/// # Errors
/// A text that is too long, nested too deeply, has aliases, several documents, a key twice, or is not YAML.
pub fn parse(text: &str) -> Result<Value, NotYaml> {
    check(text)?;
    serde_yaml::from_str(text).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        let whole = error.to_string();
        let reason = whole.split(" at line ").next().unwrap_or_default();
        let reason = match reason.split_once("duplicate entry with key ") {
            Some((_, key)) => format!("the key {} is there twice; keep one of them", key.replace('"', "`")),
            None => reason.to_owned(),
        };
        NotYaml { line, reason: shortened(&reason, MAX_REASON) }
    })
}

/// Checks the limits without building anything.
///
/// # Errors
/// Fails as [`parse`] does, keys apart.
pub fn check(text: &str) -> Result<(), NotYaml> {
    let refuse = |line, reason: String| Err(NotYaml { line, reason });
    if text.len() > MAX_BYTES {
        return refuse(1, format!("the text has {} bytes, at most {MAX_BYTES} are read; shorten it", text.len()));
    }
    let (mut depth, mut documents) = (0_usize, 0_usize);
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            // The parser of events has a limit of its own, which a line of brackets reaches first.
            Err(error) if error.info().contains("recursion limit") => return refuse(error.marker().line(), too_deep()),
            Err(error) => return refuse(error.marker().line(), shortened(error.info(), MAX_REASON)),
        };
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) => documents += 1,
            Event::Alias(_) => return refuse(line, "aliases (`*name`) are not supported; write the value out".into()),
            Event::Scalar(_, _, anchor, _) if anchor > 0 => return refuse(line, NO_ANCHORS.into()),
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if anchor > 0 {
                    return refuse(line, NO_ANCHORS.into());
                }
                depth += 1;
                if depth > MAX_DEPTH {
                    return refuse(
                        line,
                        format!("nested more than {MAX_DEPTH} levels deep; an experiment needs about 8"),
                    );
                }
            }
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if documents > 1 {
            return refuse(line, "there is a second document after `---`; keep one to a file".into());
        }
    }
    Ok(())
}

fn too_deep() -> String {
    format!("nested more than {MAX_DEPTH} levels deep; an experiment needs about 8")
}

const NO_ANCHORS: &str = "anchors (`&name`) are not supported; write the value out where it is used";

/// Characters of a message that quote a file.
const MAX_REASON: usize = 300;

/// `text` with at most `most` characters, control characters replaced: a message is for a terminal.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(most).map(clean).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{MAX_BYTES, check, parse, shortened};

    fn refused(text: &str) -> String {
        let began = Instant::now();
        let error = parse(text).expect_err("refused");
        assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
        format!("{}: {}", error.line, error.reason)
    }

    #[test]
    fn deep_nesting_is_refused_at_once() {
        for open in ["[", "{a: ", "- ", "? ", "[[", "{a: [", "!!seq [", "- [", "\n ["] {
            let text = open.repeat(200_000 / open.len());
            assert!(!refused(&text).is_empty());
        }
        let indented: String = (0..600).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(refused(&indented).contains("nested more than 64 levels deep"), "{}", refused(&indented));
        let flat = format!("[{}]", "[], ".repeat(10_000));
        assert!(parse(&flat).is_ok(), "only depth is limited");
    }

    #[test]
    fn what_expands_without_end_is_refused() {
        let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        assert_eq!(refused(laughs), "1: anchors (`&name`) are not supported; write the value out where it is used");
        assert_eq!(refused("a: *b"), "1: while parsing node, found unknown anchor");
    }

    #[test]
    fn size_documents_and_keys_given_twice_are_refused() {
        assert!(refused(&" ".repeat(MAX_BYTES + 1)).contains("at most 262144 are read"));
        assert_eq!(refused("a: 1\n---\nb: 2\n"), "2: there is a second document after `---`; keep one to a file");
        assert!(
            refused("a: 1\nb: {c: 1, c: 2}\n").contains("the key `c` is there twice"),
            "{}",
            refused("a: 1\na: 2\n")
        );
        assert!(check("a: [1, 2]\n").is_ok());
    }

    #[test]
    fn a_message_is_short_and_has_no_control_characters() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("ab\u{1b}[31m", 3), "ab\u{fffd}…");
    }
}
