//! Claims under several sets of assumptions: dependence of the verdicts on them.
use super::table::{INDENT, ours, paragraph, row};
use super::{Answer, Judgement, PartJudgement};

/// Width of the words of a claim, beside which the dependence stands, at most as long as "open; disjoint intervals".
const CLAIM: usize = 49;

/// Dependence of a verdict on the assumptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// All sets decide the direction, and give the same verdict.
    No,
    /// The direction holds under one set and fails under another.
    Yes,
    /// Some set leaves the direction open, or verdicts differ in the magnitude only.
    Open,
    /// No more than one set judges the claim, which tells nothing about the others.
    OneSet,
}

impl Dependence {
    /// Name as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Open => "open",
            Self::OneSet => "one set",
        }
    }
}

/// Claim under several sets of assumptions.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<'a> {
    /// Claim under the file's own assumptions.
    pub own: &'a Judgement,
    /// Claim under every set, the file's own first; `None` where a set does not judge it.
    pub sets: Vec<Option<&'a Judgement>>,
    /// Dependence of the verdict on the set.
    pub dependence: Dependence,
    /// True where two sets give disjoint intervals for the same part: different results even if both are unclear.
    pub disjoint: bool,
}

/// Compares the claims of `own` with those of `others`. Claims without runs under a set, or with one seed, which gives no interval, do not
/// count there.
pub fn compare<'a>(own: &'a [Judgement], others: &[&'a [Judgement]]) -> Vec<Compared<'a>> {
    let of_claim = |claim: &'a Judgement| {
        let others = others.iter().map(|other| other.iter().find(|judgement| judgement.id == claim.id));
        let sets: Vec<_> = std::iter::once(Some(claim)).chain(others).collect();
        let judged: Vec<&Judgement> = sets.iter().flatten().copied().collect();
        Compared { own: claim, dependence: dependence(&judged), disjoint: disjoint(&judged), sets }
    };
    own.iter().map(of_claim).collect()
}

fn dependence(judged: &[&Judgement]) -> Dependence {
    let counts =
        |claim: &Judgement| claim.direction != Answer::NotRun && !claim.parts.iter().any(PartJudgement::has_one_seed);
    let judged: Vec<&Judgement> = judged.iter().copied().filter(|claim| counts(claim)).collect();
    if judged.len() < 2 {
        return Dependence::OneSet;
    }
    let any = |answer| judged.iter().any(|claim| claim.direction == answer);
    if any(Answer::Holds) && any(Answer::Fails) {
        Dependence::Yes
    } else if any(Answer::Unclear) || judged.windows(2).any(|pair| pair[0].verdict != pair[1].verdict) {
        Dependence::Open
    } else {
        Dependence::No
    }
}

/// Returns whether two of the claims have a part with disjoint intervals.
fn disjoint(judged: &[&Judgement]) -> bool {
    let apart = |a: &PartJudgement, b: &PartJudgement| match (a.low, a.high, b.low, b.high) {
        (Some(a_low), Some(a_high), Some(b_low), Some(b_high)) => {
            a.what == b.what && a.n > 1 && b.n > 1 && (a_high < b_low || b_high < a_low)
        }
        _ => false,
    };
    let differ = |a: &Judgement, b: &Judgement| a.parts.iter().any(|p| b.parts.iter().any(|q| apart(p, q)));
    judged.iter().enumerate().any(|(i, a)| judged[i + 1..].iter().any(|b| differ(a, b)))
}

/// Verdict on a claim, with its estimate where the claim has one part: `holds, +7.10 [+6.50, +7.70] pp, n = 10`.
pub fn verdict_of(judgement: Option<&Judgement>) -> String {
    match judgement {
        None => "–".to_owned(),
        Some(Judgement { parts, verdict, .. }) => match parts.as_slice() {
            [one] if one.estimate.is_some() => format!("{}, {}", verdict.name(), ours(one)),
            _ => verdict.name().to_owned(),
        },
    }
}

impl Compared<'_> {
    /// Word for the dependence, with a mark where intervals are disjoint.
    pub fn word(&self) -> String {
        let apart = if self.disjoint && self.dependence != Dependence::Yes { "; disjoint intervals" } else { "" };
        format!("{}{apart}", self.dependence.name())
    }
}

/// Formats compared claims in at most 80 columns, however many sets there are: of each claim its words with the dependence at the end of
/// the line, and a line for each set with its verdict. `names` names the sets.
pub fn comparison(names: &[&str], claims: &[Compared]) -> String {
    let mut out = String::new();
    row(&mut out, "id", &[("claim", CLAIM)], "depends");
    for claim in claims {
        row(&mut out, &claim.own.id, &[(claim.own.claim.as_str(), CLAIM)], &claim.word());
        for (name, judgement) in names.iter().zip(&claim.sets) {
            paragraph(&mut out, INDENT, &format!("{name}: {}", verdict_of(*judgement)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{DirectionAnswer, Verdict};
    use experiment::claims::Range;

    fn judgement(id: &str, answer: Answer, parts: usize) -> Judgement {
        let range = Range { from: Some(5.0), to: None };
        let part = PartJudgement {
            what: "train".into(),
            unit: "pp".into(),
            estimate: Some(7.1),
            low: Some(6.5),
            high: Some(7.7),
            n: 10,
            direction: Some(DirectionAnswer { range, answer, p: None }),
            ..PartJudgement::default()
        };
        Judgement {
            id: id.into(),
            claim: "two-scale is better".into(),
            direction: answer,
            magnitude: answer,
            verdict: Verdict::of(answer, answer),
            parts: vec![part; parts],
            ..Judgement::default()
        }
    }

    #[test]
    fn a_claim_depends_on_the_assumptions_where_it_holds_under_some_and_fails_under_others() {
        use Answer::{Fails, Holds, NotRun, Unclear};
        let of = |answers: &[Answer]| {
            let claims: Vec<_> = answers.iter().map(|answer| judgement("3a", *answer, 1)).collect();
            dependence(&claims.iter().collect::<Vec<_>>())
        };
        assert_eq!(of(&[Holds, Fails, Unclear]), Dependence::Yes);
        assert_eq!(of(&[Holds, Unclear]), Dependence::Open);
        assert_eq!(of(&[Unclear, Unclear]), Dependence::Open, "two undecided answers are not agreement");
        assert_eq!(of(&[Fails, Fails]), Dependence::No);
        assert_eq!(of(&[Holds, NotRun]), Dependence::OneSet, "one set is not agreement");
        assert_eq!(of(&[NotRun, NotRun]), Dependence::OneSet);
        assert_eq!(of(&[Holds, NotRun, Holds]), Dependence::No, "a set that was not run counts for nothing");
    }

    #[test]
    fn one_seed_has_no_vote() {
        let own = judgement("3a", Answer::Holds, 1);
        let mut lone = judgement("3a", Answer::Unclear, 1);
        assert_eq!(dependence(&[&own, &lone]), Dependence::Open);
        lone.parts[0].n = 1;
        assert_eq!(dependence(&[&own, &lone]), Dependence::OneSet);
    }

    #[test]
    fn disjoint_intervals_are_told() {
        let own = [judgement("10d", Answer::Unclear, 1)];
        let mut other = [judgement("10d", Answer::Unclear, 1)];
        assert!(!compare(&own, &[&other])[0].disjoint);
        (other[0].parts[0].low, other[0].parts[0].high) = (Some(-2.0), Some(-1.0));
        assert_eq!(compare(&own, &[&other])[0].word(), "open; disjoint intervals");
    }

    #[test]
    fn claims_are_compared_by_their_names() {
        let own = [judgement("3a", Answer::Fails, 1), judgement("3e", Answer::Holds, 2)];
        let other = [judgement("3e", Answer::Fails, 2)];
        let compared = compare(&own, &[&other]);
        assert_eq!(compared[0].sets[1], None);
        assert_eq!((compared[0].dependence, compared[1].dependence), (Dependence::OneSet, Dependence::Yes));
        let text = comparison(&["as published", "raw"], &compared);
        assert!(text.lines().next().unwrap().ends_with("depends"), "{text}");
        assert!(text.contains("     as published: fails, +7.10 [+6.50, +7.70] pp, n = 10\n     raw: –\n"), "{text}");
        assert!(text.contains("  yes\n     as published: holds\n     raw: fails\n"), "{text}");
        let long = ["a-variant-of-the-longest-name-that-there-is", "b"];
        assert!(comparison(&long, &compared).lines().all(|line| line.chars().count() <= 80));
    }
}
