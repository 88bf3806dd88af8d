//! Final accuracies of an experiment: a mean with its interval for each loss, whether or not there are claims or a curve of the paper.
use std::fmt::Write as _;

use serde::Serialize;

use crate::claims::wrap_words;
use crate::measure::Runs;
use crate::statistics::{Estimate, estimate};
use experiment::file::Experiment;
use runs::record::{Outcome, Record};

/// Final accuracies of one loss, over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct FinalAccuracy {
    /// Slug of the loss.
    pub loss: String,
    /// Mean accuracy on the batches of the last epoch, on [0, 1]; none without a finished run.
    pub train: Option<Estimate>,
    /// Accuracy on the test set after the last step, on [0, 1]; none without a finished run.
    pub test: Option<Estimate>,
    /// Runs that diverged and are in neither mean.
    pub diverged: usize,
}

/// Final accuracies of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RunAccuracy {
    /// Mean accuracy on the batches of the last epoch, on [0, 1].
    pub train: f64,
    /// Accuracy on the test set after the last step, on [0, 1].
    pub test: f64,
}

/// Returns the final accuracies of a finished run; none where it diverged.
pub fn of_run(record: &Record) -> Option<RunAccuracy> {
    if record.run.outcome != Outcome::Finished {
        return None;
    }
    of_history(&record.history, record.run.train_objects, record.run.spec.schedule.batch)
}

/// Returns the final accuracies of a history in batches of `batch` out of `objects` training objects; none where it is empty.
pub fn of_history(history: &runs::record::History, objects: usize, batch: usize) -> Option<RunAccuracy> {
    let epoch = (objects / batch.max(1)).max(1);
    let last = &history.batch_accuracy[history.batch_accuracy.len().saturating_sub(epoch)..];
    let test = *history.test_accuracy.last()?;
    if last.is_empty() {
        return None;
    }
    let train = last.iter().map(|&accuracy| f64::from(accuracy)).sum::<f64>() / last.len() as f64;
    Some(RunAccuracy { train, test })
}

/// Returns the final accuracies of every loss of an experiment that has runs, in the order of the file's slugs.
pub fn final_accuracies(experiment: &Experiment, runs: &Runs) -> Vec<FinalAccuracy> {
    let of_loss = |loss: &String| {
        let finals: Vec<RunAccuracy> = runs.finished(loss).filter_map(|(_, record)| of_run(record)).collect();
        let over_seeds = |part: fn(&RunAccuracy) -> f64| share(&finals.iter().map(part).collect::<Vec<_>>());
        FinalAccuracy {
            loss: loss.clone(),
            train: over_seeds(|accuracy| accuracy.train),
            test: over_seeds(|accuracy| accuracy.test),
            diverged: runs.diverged(loss).len(),
        }
    };
    experiment.losses.keys().filter(|loss| runs.count(loss) > 0).map(of_loss).collect()
}

/// Returns the mean of shares over seeds with its interval, cut to [0, 1]: Student's t knows no bounds, and a few seeds far apart would
/// give an accuracy above 1. The cut interval contains the true mean as often.
fn share(values: &[f64]) -> Option<Estimate> {
    estimate(values).map(|e| Estimate { low: e.low.max(0.0), high: e.high.min(1.0), ..e })
}

/// Width of the first column.
const NAME: usize = 26;

/// Returns a table of at most 80 columns: a name, final accuracy on training batches and on the test set in percent with the 95 %
/// interval, and the number of seeds. `what` is the heading of the names.
pub fn table<'a>(what: &str, rows: impl IntoIterator<Item = (&'a str, &'a FinalAccuracy)>) -> String {
    let mut out = String::new();
    let columns = ("train, last epoch", "test");
    let _ = writeln!(out, "{what:<NAME$} {:<22} {:<22} {:>5}", columns.0, columns.1, "seeds");
    for (name, row) in rows {
        let mut lines = wrap_words(name, NAME).into_iter();
        let first = lines.next().unwrap_or_default();
        let n = row.test.map_or(0, |estimate| estimate.n);
        let _ = writeln!(out, "{first:<NAME$} {:<22} {:<22} {n:>5}", percent(row.train), percent(row.test));
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
        if row.diverged > 0 {
            let _ = writeln!(out, "  (seeds that diverged and are left out: {})", row.diverged);
        }
    }
    out
}

/// Returns a mean in percent with its interval: `91.32 [90.87, 91.77]`.
pub fn percent(value: Option<Estimate>) -> String {
    match value.map(|estimate| estimate.scaled(100.0)) {
        None => "-".to_owned(),
        Some(e) if e.n < 2 => format!("{:.2}", e.mean),
        Some(e) => format!("{:.2} [{:.2}, {:.2}]", e.mean, e.low, e.high),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::testing::{diverged, experiment, runs};

    #[test]
    fn every_loss_with_runs_has_a_row_of_at_most_80_columns() {
        let experiment = experiment(json!([]), json!([]));
        let mut runs = runs();
        runs.insert("single", Arc::new(diverged(9)));
        let finals = final_accuracies(&experiment, &runs);
        let losses: Vec<&str> = finals.iter().map(|row| row.loss.as_str()).collect();
        assert_eq!(losses, ["single", "two-scale-0.01"]);
        assert_eq!((finals[0].diverged, finals[0].test.map(|estimate| estimate.n)), (1, Some(3)));
        let text = table("loss", finals.iter().map(|row| (row.loss.as_str(), row)));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("left out: 1)"), "{text}");
    }

    #[test]
    fn the_interval_of_an_accuracy_lies_between_0_and_1() {
        let e = share(&[0.1, 0.95, 0.9]).expect("three seeds");
        assert_eq!((e.mean, e.low, e.high, e.n), (0.65, 0.0, 1.0, 3));
        let narrow = share(&[0.5, 0.52, 0.51]).expect("three seeds");
        assert_eq!(narrow, estimate(&[0.5, 0.52, 0.51]).expect("three seeds"));
    }

    #[test]
    fn the_train_accuracy_is_the_mean_of_the_last_epoch() {
        let history = runs::record::History {
            batch_accuracy: vec![0.0, 0.0, 0.5, 1.0],
            test_accuracy: vec![0.1, 0.7],
            ..Default::default()
        };
        // An epoch of 20 objects is two batches of 10.
        let found = of_history(&history, 20, 10).expect("there are steps");
        assert_eq!((found.train, found.test), (0.75, 0.7));
        assert_eq!(of_history(&Default::default(), 20, 10), None);
    }
}
