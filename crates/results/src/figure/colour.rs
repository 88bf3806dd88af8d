//! Colours of an experiment file as the drawing backend needs them.
use plotters::style::RGBColor;

use super::Error;

/// Converts a colour of an experiment file ([`experiment::colour`]).
///
/// # Errors
/// Fails when the name is unknown.
pub fn colour(name: &str) -> Result<RGBColor, Error> {
    let [r, g, b] = experiment::colour::rgb(name).ok_or_else(|| Error::Colour(name.to_owned()))?;
    Ok(RGBColor(r, g, b))
}

/// Mixes a colour with a `share` (0 to 1) of another.
pub fn mixed(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(colour("bleu").unwrap_err().to_string().contains("bleu"));
        assert!(colour("#12345é").is_err());
    }

    #[test]
    fn yellow_is_legible_on_white() {
        let RGBColor(r, g, b) = colour("y").unwrap();
        let luminance = 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
        assert!(luminance < 0.75 * 255.0);
    }
}
