//! Colours by the names of matplotlib, with which the paper's figures were drawn.

/// Known names with red, green and blue, beside `#rrggbb`.
pub const NAMES: [(&str, [u8; 3]); 19] = [
    ("b", [0x00, 0x00, 0xff]),
    ("g", [0x00, 0x80, 0x00]),
    ("r", [0xff, 0x00, 0x00]),
    ("c", [0x00, 0xbf, 0xbf]),
    ("m", [0xbf, 0x00, 0xbf]),
    ("y", [0xbf, 0xbf, 0x00]),
    ("k", [0x00, 0x00, 0x00]),
    ("black", [0x00, 0x00, 0x00]),
    ("tab:blue", [0x1f, 0x77, 0xb4]),
    ("tab:orange", [0xff, 0x7f, 0x0e]),
    ("tab:green", [0x2c, 0xa0, 0x2c]),
    ("tab:red", [0xd6, 0x27, 0x28]),
    ("tab:purple", [0x94, 0x67, 0xbd]),
    ("tab:brown", [0x8c, 0x56, 0x4b]),
    ("tab:pink", [0xe3, 0x77, 0xc2]),
    ("tab:gray", [0x7f, 0x7f, 0x7f]),
    ("tab:grey", [0x7f, 0x7f, 0x7f]),
    ("tab:olive", [0xbc, 0xbd, 0x22]),
    ("tab:cyan", [0x17, 0xbe, 0xcf]),
];

/// Red, green and blue of a colour's name or `#rrggbb`; `None` for an unknown name.
///
/// ```
/// assert_eq!(experiment::colour::rgb("tab:orange"), Some([255, 127, 14]));
/// assert_eq!(experiment::colour::rgb("#0a0B0c"), Some([10, 11, 12]));
/// assert_eq!(experiment::colour::rgb("bleu"), None);
/// ```
pub fn rgb(name: &str) -> Option<[u8; 3]> {
    if let Some((_, rgb)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*rgb);
    }
    let digits = name.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

/// Returns whether a text names a colour.
pub fn is_colour(text: &str) -> bool {
    rgb(text).is_some()
}
