"""Recomputes every published verdict from the numbers of single seeds.

    python3 tests/recompute.py FOLDER

FOLDER holds NAME.json and NAME-seeds.csv (header claim,part,loss,seed,value). Per part: the paired difference of the first and the
second loss, or the only loss's number; the mean over seeds and its 95 % interval by Student's t; the answers about direction and
magnitude; per claim: the answers of all its parts, the verdict. Needs the standard library only. Exit status: 0 where everything agrees,
1 where a number or an answer differs, 2 on wrong usage.
"""
import csv
import json
import math
import pathlib
import sys


def incomplete_beta(a, b, x):
    """Regularised incomplete beta function I_x(a, b), by Lentz's continued fraction."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(1.0 - x)
    )
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + numerator / (c if abs(c) > tiny else tiny)
            result *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return front * result / a


def t_quantile(degrees):
    """0.975 quantile of Student's t, by bisection."""
    low, high = 0.0, 1e4
    for _ in range(200):
        t = (low + high) / 2.0
        # P(|T| > t) = I_{df/(df + t²)}(df/2, 1/2)
        if incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t)) > 0.05:
            low = t
        else:
            high = t
    return (low + high) / 2.0


def estimate(values, exact):
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1 or exact:
        return mean, mean, mean, n
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = t_quantile(n - 1) * spread / math.sqrt(n)
    return mean, mean - half, mean + half, n


def direction(found, question, exact):
    mean, low, high, n = found
    if n < 2 and not exact:
        return "unclear"
    start, end = question.get("from"), question.get("to")
    start = -math.inf if start is None else start
    end = math.inf if end is None else end
    if low >= start and high <= end:
        return "holds"
    return "fails" if high < start or low > end else "unclear"


def magnitude(found, question, exact, toward):
    """toward: the answer about the direction of the same number, None where it is not asked."""
    mean, low, high, n = found
    if n < 2 and not exact:
        return "unclear"
    bounded = question.get("from") is not None or question.get("to") is not None
    within = direction(found, question, exact) if bounded else "fails"
    value = question.get("value")
    if within == "holds" or (value is not None and low <= value <= high):
        return "unclear" if toward == "unclear" else "holds"
    return within


def combined(answers):
    for worst in ("fails", "not-run", "unclear"):
        if worst in answers:
            return worst
    return "holds" if answers else "not-run"


def verdict(toward, size):
    if toward == "holds":
        return "holds" if size == "holds" else "direction-only"
    return toward


def numbers(rows):
    """One number for each seed: first loss minus second, or the only loss's."""
    losses = list(dict.fromkeys(row["loss"] for row in rows))
    by_loss = {loss: {row["seed"]: float(row["value"]) for row in rows if row["loss"] == loss} for loss in losses}
    first = by_loss[losses[0]]
    if len(losses) == 1:
        return list(first.values())
    second = by_loss[losses[1]]
    return [first[seed] - second[seed] for seed in first if seed in second]


def close(a, b):
    return abs(a - b) <= 1e-7 * max(1.0, abs(a), abs(b))


def check(document, rows, complain):
    for claim in document["claims"]:
        answers = {"direction": [], "magnitude": []}
        for index, part in enumerate(claim["parts"], start=1):
            where = f"{document['figure']} {claim['id']} part {index}"
            own = [row for row in rows if row["claim"] == claim["id"] and int(row["part"]) == index]
            exact = part.get("exact", False)
            found = estimate(numbers(own), exact) if own else None
            published = [part.get(key) for key in ("estimate", "low", "high")]
            if (found is None) != (published[0] is None):
                complain(f"{where}: numbers of seeds and estimate do not go together")
            elif found is not None:
                if found[3] != part["n"] or not all(map(close, found[:3], published)):
                    complain(f"{where}: published {published}, n = {part['n']}; recomputed {found}")
            toward = None
            for name in ("direction", "magnitude"):
                question = part.get(name)
                if question is None:
                    continue
                if found is None:
                    answer = "not-run"
                elif name == "direction":
                    answer = toward = direction(found, question, exact)
                else:
                    answer = magnitude(found, question, exact, toward)
                answers[name].append(answer)
                if answer != question["answer"]:
                    complain(f"{where}: {name} published as {question['answer']}, recomputed as {answer}")
        toward, size = (combined(answers[name]) for name in ("direction", "magnitude"))
        toward, size = (toward if answers["direction"] else size), (size if answers["magnitude"] else toward)
        recomputed = (toward, size, verdict(toward, size))
        published = (claim["direction"], claim["magnitude"], claim["verdict"])
        if recomputed != published:
            complain(f"{document['figure']} {claim['id']}: published {published}, recomputed {recomputed}")


def main(arguments):
    if len(arguments) != 1 or not pathlib.Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    differences = []
    for path in sorted(pathlib.Path(arguments[0]).glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or "claims" not in document:
            continue
        seeds = path.with_name(f"{path.stem}-seeds.csv")
        if not seeds.exists():
            print(f"{path.stem}: seeds: not published")
            continue
        with seeds.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        before = len(differences)
        check(document, rows, differences.append)
        agreed = "agree" if len(differences) == before else "DIFFER"
        print(f"{path.stem}: {len(document['claims'])} claims recomputed from {len(rows)} numbers, {agreed}")
    for difference in differences:
        print(difference, file=sys.stderr)
    return 1 if differences else 0


sys.exit(main(sys.argv[1:]))
