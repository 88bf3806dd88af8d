//! Numbers as text.

/// Formats a whole number with commas between thousands.
///
/// ```
/// assert_eq!([7, 1000, 1_234_567].map(results::text::thousands), ["7", "1,000", "1,234,567"]);
/// ```
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
