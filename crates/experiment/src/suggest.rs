//! "Did you mean": the name nearest to a misspelt one.

/// Longest word that is compared: no name is longer, and the time grows with the product of the lengths.
const LONGEST: usize = 64;

/// The candidate that `word` most probably means, if any is near enough: at most a third of its letters (at least one)
/// inserted, left out, replaced, or swapped with the next.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A clause to end a sentence with: `; did you mean "x"?`, or the names there are.
pub fn clause<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(candidate) = nearest(word, candidates.clone()) {
        return format!("; did you mean `{candidate}`?");
    }
    let names: Vec<_> = candidates.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) }
}

/// Optimal string alignment distance: edits as in [`nearest`].
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{clause, nearest};

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["momentum", "step", "weight-decay"];
        assert_eq!(nearest("momentun", names), Some("momentum"));
        assert_eq!(nearest("setp", names), Some("step"), "two letters swapped are one slip");
        assert_eq!(nearest("weight_decay", names), Some("weight-decay"));
        assert_eq!(nearest("seeds", names), None);
        assert_eq!(clause("stepp", names), "; did you mean `step`?");
        assert_eq!(clause("seeds", names), "; there is `momentum`, `step`, `weight-decay`");
    }
}
