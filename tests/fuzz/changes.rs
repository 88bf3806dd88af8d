//! Random changes of a text.
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A text with one to four of its parts replaced by one of `pieces`, extended, left out or doubled.
pub fn changed(text: &str, pieces: &[&str], random: &mut ChaCha8Rng) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..random.random_range(1..5_u32) {
        let at = random.random_range(0..text.len().max(1)).min(text.len());
        let end = (at + random.random_range(0..40_usize)).min(text.len());
        let piece: Vec<char> = pieces[random.random_range(0..pieces.len())].chars().collect();
        match random.random_range(0..4_u32) {
            0 => drop(text.splice(at..end, piece)),
            1 => drop(text.splice(at..at, piece)),
            2 => drop(text.drain(at..end)),
            _ => {
                let part = text[at..end].to_vec();
                let other = random.random_range(0..text.len().max(1)).min(text.len());
                drop(text.splice(other..other, part));
            }
        }
    }
    text.into_iter().collect()
}
