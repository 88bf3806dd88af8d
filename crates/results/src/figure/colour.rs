//! Colours, by the names the paper's figures (matplotlib) use.
use plotters::style::RGBColor;

use super::Error;

/// A colour of an experiment file: `b`, `g`, `r`, `y`, ... as matplotlib draws them, `tab:blue` ..., or `#rrggbb`.
///
/// # Errors
/// When the name is none of these.
pub fn colour(name: &str) -> Result<RGBColor, Error> {
    let rgb = match name {
        "b" => 0x0000ff,
        "g" => 0x008000,
        "r" => 0xff0000,
        "c" => 0x00bfbf,
        "m" => 0xbf00bf,
        // matplotlib's own "y": dark enough to be read on white.
        "y" => 0xbfbf00,
        "k" | "black" => 0x000000,
        "tab:blue" => 0x1f77b4,
        "tab:orange" => 0xff7f0e,
        "tab:green" => 0x2ca02c,
        "tab:red" => 0xd62728,
        "tab:purple" => 0x9467bd,
        "tab:brown" => 0x8c564b,
        "tab:pink" => 0xe377c2,
        "tab:gray" | "tab:grey" => 0x7f7f7f,
        "tab:olive" => 0xbcbd22,
        "tab:cyan" => 0x17becf,
        _ => return hexadecimal(name).ok_or_else(|| Error::Colour(name.to_owned())),
    };
    Ok(of_number(rgb))
}

fn hexadecimal(name: &str) -> Option<RGBColor> {
    let digits = name.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok().map(of_number)
}

fn of_number(rgb: u32) -> RGBColor {
    let [_, r, g, b] = rgb.to_be_bytes();
    RGBColor(r, g, b)
}

/// A colour mixed with another: `share` of the other.
pub fn mixed(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_matplotlib_and_numbers_are_known() {
        assert_eq!(colour("tab:orange").unwrap(), RGBColor(255, 127, 14));
        assert_eq!(colour("#0a0B0c").unwrap(), RGBColor(10, 11, 12));
        assert!(colour("bleu").unwrap_err().to_string().contains("bleu"));
        assert!(colour("#12345é").is_err());
    }

    #[test]
    fn every_colour_that_an_experiment_may_name_can_be_drawn() {
        for name in experiment::colour::NAMES {
            assert!(colour(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn yellow_is_legible_on_white() {
        let RGBColor(r, g, b) = colour("y").unwrap();
        let luminance = 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
        assert!(luminance < 0.75 * 255.0);
    }
}
