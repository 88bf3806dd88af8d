//! Colours by the names the paper's plots use (matplotlib's).

/// Names that are understood, beside `#rrggbb`.
pub const NAMES: [&str; 18] = [
    "b",
    "g",
    "r",
    "c",
    "m",
    "y",
    "k",
    "tab:blue",
    "tab:orange",
    "tab:green",
    "tab:red",
    "tab:purple",
    "tab:brown",
    "tab:pink",
    "tab:gray",
    "tab:olive",
    "tab:cyan",
    "black",
];

/// Whether a text names a colour.
pub fn is_colour(text: &str) -> bool {
    let hex =
        text.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit()));
    hex || NAMES.contains(&text)
}
