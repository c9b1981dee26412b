"""Counting checks, and what client.py and check_grpcurl.py both ask of an answer."""
import math
import re
import sys
import traceback
import unicodedata

ERROR_DOMAIN = "slugline.dev"


class Failure(Exception):
    """A check did not hold; the text says what was found and what was expected."""


class Skipped(Exception):
    """A check could not be made here; the text says why."""


def require(condition, message):
    if not condition:
        raise Failure(message)


def equal(actual, expected, what):
    require(actual == expected, f"{what}: expected {shorten(expected)}, found {shorten(actual)}")


def near(actual, expected, tolerance, what):
    # Written so that NaN fails.
    require(abs(actual - expected) <= tolerance, f"{what}: expected {expected!r} within {tolerance}, found {actual!r}")


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


class Suite:
    """Checks in the order of their definition. The first that fails ends the run."""

    def __init__(self, name):
        self.name = name
        self.checks = []

    def check(self, description):
        def register(function):
            self.checks.append((description, function))
            return function

        return register

    def run(self, *arguments):
        passed = skipped = 0
        for description, function in self.checks:
            try:
                function(*arguments)
            except Skipped as reason:
                skipped += 1
                print(f"skip {description}: {reason}", flush=True)
            except Exception as error:  # whatever it is, it is a failure of this check, and is named so
                print(f"FAIL {description}", flush=True)
                if isinstance(error, Failure):
                    print(f"     {error}", flush=True)
                else:
                    traceback.print_exc(file=sys.stdout)
                print(f"{self.name}: {passed} passed, 1 failed, {skipped} skipped", flush=True)
                return 1
            else:
                passed += 1
                print(f"ok   {description}", flush=True)
        print(f"{self.name}: {passed} passed, 0 failed, {skipped} skipped", flush=True)
        return 0


def topics_are_sound(topics, all_topics):
    """Takes (name, probability, log_odds) in the order of the answer, and whether it holds all topics of the model."""
    require(topics, "no topic in the answer")
    names = [name for name, _, _ in topics]
    equal(len(set(names)), len(names), "number of different topic names")
    for name, probability, log_odds in topics:
        require(0.0 <= probability <= 1.0, f"probability of {name!r} is {probability!r}, not in [0, 1]")
        require(math.isfinite(log_odds), f"log_odds of {name!r} is {log_odds!r}")
    equal(names, [name for name, _, _ in sorted(topics, key=lambda t: (-t[1], t[0]))], "topics by probability, then name")
    # log_odds is the centred log-ratio before calibration, which multiplies the probabilities of all
    # topics but the first by one factor: among those, the differences of log_odds are those of the
    # log-probabilities. A probability this small has lost its digits, and says nothing of the
    # logarithm.
    for one, other in zip(topics[1:], topics[2:]):
        if other[1] > 1e-300:
            what = f"log_odds of {one[0]!r} over {other[0]!r}"
            near(one[2] - other[2], math.log(one[1] / other[1]), 1e-6, what)
    if all_topics:
        near(math.fsum(p for _, p, _ in topics), 1.0, 1e-6, "sum of the probabilities")
        near(math.fsum(o for _, _, o in topics), 0.0, 1e-4, "sum of log_odds, which are centred,")


def evidence_adds_up(name, log_odds, bias, weights, other):
    """The promise of `explain`: log_odds = bias + the weights of the evidence + the weight of the rest."""
    near(math.fsum([bias, *weights, other]), log_odds, 1e-9, f"bias + evidence + other_evidence_weight of {name!r}")
    strengths = [abs(weight) for weight in weights]
    equal(strengths, sorted(strengths, reverse=True), f"evidence of {name!r}, the strongest first")


def stands_at(term, written):
    """Whether the text of a span is that of its term; a number may have been rewritten."""
    words = term.split(" ")
    found = unicodedata.normalize("NFKC", written).casefold().replace("\u2019", "'")
    if any(character.isdigit() for character in term):
        return
    require(found.startswith(words[0]), f"the span of {term!r} does not start with {words[0]!r}: {written!r}")
    require(found.removesuffix("'s").endswith(words[-1]), f"the span of {term!r} does not end with {words[-1]!r}: {written!r}")


def error_info_is_ours(reason, domain):
    equal(domain, ERROR_DOMAIN, "domain of the ErrorInfo")
    require(re.fullmatch(r"[A-Z][A-Z0-9_]*[A-Z0-9]", reason), f"reason of the ErrorInfo is not UPPER_SNAKE_CASE: {reason!r}")


def a_field_is_named(fields, pattern):
    require(fields, "no field violation in the BadRequest")
    for field, description in fields:
        require(re.fullmatch(pattern, field), f"field violation of {field!r} does not match {pattern!r}")
        require(description, f"field violation of {field!r} has no description")
