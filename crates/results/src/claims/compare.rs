//! The same claims under several readings of the paper's text: which verdicts depend on how it is read.
use super::table::{WORDS, ours, row};
use super::{Judgement, Verdict};

/// Width of a reading's column.
const READING: usize = 22;

/// Whether a verdict depends on the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// Every reading gives the same verdict.
    No,
    /// The claim holds under one reading and fails under another.
    Yes,
    /// Some readings leave it unclear.
    Open,
}

impl Dependence {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Open => "open",
        }
    }
}

/// A claim under several readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<'a> {
    /// The claim as the first reading judges it.
    pub own: &'a Judgement,
    /// What each reading comes to, the first one's own included; `None` where a reading does not judge it.
    pub readings: Vec<Option<&'a Judgement>>,
    /// Whether the verdict depends on the reading.
    pub dependence: Dependence,
}

/// Compares the claims of `own` with what `others` make of them. Claims without runs under a reading do not count there.
pub fn compare<'a>(own: &'a [Judgement], others: &[&'a [Judgement]]) -> Vec<Compared<'a>> {
    let of_claim = |claim: &'a Judgement| {
        let others = others.iter().map(|other| other.iter().find(|judgement| judgement.id == claim.id));
        let readings: Vec<_> = std::iter::once(Some(claim)).chain(others).collect();
        let dependence = dependence(readings.iter().flatten().map(|judgement| judgement.verdict));
        Compared { own: claim, readings, dependence }
    };
    own.iter().map(of_claim).collect()
}

fn dependence(verdicts: impl Iterator<Item = Verdict>) -> Dependence {
    let judged: Vec<Verdict> = verdicts.filter(|verdict| *verdict != Verdict::NotRun).collect();
    if judged.contains(&Verdict::Holds) && judged.contains(&Verdict::Fails) {
        Dependence::Yes
    } else if judged.windows(2).all(|pair| pair[0] == pair[1]) {
        Dependence::No
    } else {
        Dependence::Open
    }
}

/// A reading's verdict on a claim, with its estimate where that is one number: `holds, +7.10 [+6.50, +7.70] pp, n = 10`.
pub fn verdict_of(judgement: Option<&Judgement>) -> String {
    match judgement {
        None => "-".to_owned(),
        Some(Judgement { parts, verdict, .. }) => match parts.as_slice() {
            [one] if one.estimate.is_some() => format!("{}, {}", verdict.name(), ours(one)),
            _ => verdict.name().to_owned(),
        },
    }
}

/// For the terminal: a row a claim, a column a reading, last whether the verdict depends on it. `names` has a name for each reading.
pub fn comparison(names: &[&str], claims: &[Compared]) -> String {
    let mut out = String::new();
    row(&mut out, "id", &columns("claim", names), "depends");
    for claim in claims {
        let cells: Vec<String> = claim.readings.iter().map(|judgement| verdict_of(*judgement)).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        row(&mut out, &claim.own.id, &columns(&claim.own.claim, &cells), claim.dependence.name());
    }
    out
}

fn columns<'a>(words: &'a str, cells: &[&'a str]) -> Vec<(&'a str, usize)> {
    std::iter::once((words, WORDS)).chain(cells.iter().map(|cell| (*cell, READING))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::PartJudgement;
    use experiment::file::Accept;

    fn judgement(id: &str, verdict: Verdict, parts: usize) -> Judgement {
        let part = PartJudgement {
            what: "train".into(),
            unit: "pp".into(),
            estimate: Some(7.1),
            low: Some(6.5),
            high: Some(7.7),
            n: 10,
            accept: Accept { from: Some(5.0), to: None },
            verdict,
            note: None,
        };
        Judgement {
            id: id.into(),
            claim: "two-scale is better".into(),
            paper: "+7.1 pp".into(),
            unit: "pp".into(),
            estimate: Some(7.1),
            low: Some(6.5),
            high: Some(7.7),
            n: 10,
            verdict,
            parts: vec![part; parts],
        }
    }

    #[test]
    fn a_claim_depends_on_the_reading_where_one_lets_it_hold_and_another_fail() {
        use Verdict::{Fails, Holds, NotRun, Unclear};
        let of = |verdicts: &[Verdict]| dependence(verdicts.iter().copied());
        assert_eq!(of(&[Holds, Fails, Unclear]), Dependence::Yes);
        assert_eq!(of(&[Holds, Unclear]), Dependence::Open);
        assert_eq!(of(&[Fails, Fails]), Dependence::No);
        assert_eq!(of(&[Holds, NotRun, Holds]), Dependence::No, "a reading that was not run says nothing");
    }

    #[test]
    fn claims_are_compared_by_their_names() {
        let own = [judgement("3a", Verdict::Fails, 1), judgement("3e", Verdict::Holds, 2)];
        let other = [judgement("3e", Verdict::Fails, 2)];
        let compared = compare(&own, &[&other]);
        assert_eq!(compared[0].readings[1], None);
        assert_eq!((compared[0].dependence, compared[1].dependence), (Dependence::No, Dependence::Yes));
        let text = comparison(&["as published", "raw"], &compared);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("id   claim")
                && lines[0].ends_with("as published            raw                     depends")
        );
        assert!(
            lines[1].contains("fails, +7.10 [+6.50,") && lines[1].ends_with("-                       no"),
            "{text}"
        );
        assert!(text.contains("holds                   fails                   yes"), "{text}");
    }
}
