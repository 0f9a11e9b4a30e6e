"""How an expected value is compared with what was given.

Expectations were recorded and then freed from what changes between runs:

  ${*}      stands for anything: a whole value, or a part of a text
  ${name}   stands for any text, the same one wherever it occurs in the case

Where the service gives a text that holds a JSON object, the expectation shows the object; so a
text that meets an expected object is parsed. Two texts that differ are still the same when both
are JSON and are equal as such. It is what Tests/ConformanceKit/Expectation.swift does.
"""

import re

from .text import compact, parsed_or_none

FRONT_END = {"SdkHttpMetadata", "SdkResponseMetadata"}

# Members that the service's answers have had only since some of the cases were recorded.
LATER = {
    "encryptionConfiguration", "redriveCount", "redriveStatus", "redriveStatusReason",
    "variableReferences", "failuresNotRedrivable", "pendingRedrive", "RedriveCount",
    "RedriveStatus", "RedriveStatusReason", "OutputDetails",
}

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
ABSENT = object()


class Expectation:
    def __init__(self, later=frozenset()):
        self.bindings = {}
        self.mismatch = None
        self.later = later

    def copy(self):
        other = Expectation(self.later)
        other.bindings = dict(self.bindings)
        other.mismatch = self.mismatch
        return other

    def take(self, other):
        self.bindings = other.bindings
        self.mismatch = other.mismatch

    def matches(self, expected, actual):
        """Whether `actual` is what `expected` asks for. Names stay bound when it is."""
        before = dict(self.bindings)
        if self._compare(expected, actual, ""):
            return True
        self.bindings = before
        return False

    def _fail(self, place, expected, actual):
        def short(value):
            text = "(absent)" if value is ABSENT else compact(value)
            return text[:600] + "…" if len(text) > 600 else text

        self.mismatch = f"{place or '/'}: expected {short(expected)}, got {short(actual)}"
        return False

    def _compare(self, expected, actual, place):
        if isinstance(expected, str):
            if isinstance(actual, str):
                if self._fits(expected, actual):
                    return True
                left, right = parsed_or_none(expected), parsed_or_none(actual)
                if left is not None and right is not None and not isinstance(left, str):
                    before = dict(self.bindings)
                    if self._compare(left, right, place):
                        return True
                    self.bindings = before
                return self._fail(place, expected, actual)
            if expected == "${*}":
                return True
            if PLACEHOLDER.fullmatch(expected) and self._fits(expected, compact(actual)):
                return True
            return self._fail(place, expected, actual)
        if isinstance(actual, str):
            inner = parsed_or_none(actual)
            if inner is None and actual.strip() != "null" or isinstance(inner, str):
                return self._fail(place, expected, actual)
            return self._compare(expected, inner, place)
        if isinstance(expected, dict):
            return self._members(expected, actual, place)
        if isinstance(expected, list):
            if not isinstance(actual, list) or len(expected) != len(actual):
                return self._fail(place, expected, actual)
            return all(
                self._compare(left, right, f"{place}/{index}")
                for index, (left, right) in enumerate(zip(expected, actual)))
        # True is 1 to Python, but not to JSON.
        same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
        return same or self._fail(place, expected, actual)

    def _members(self, expected, actual, place):
        if not isinstance(actual, dict):
            return self._fail(place, expected, actual)
        for key, value in expected.items():
            if key in FRONT_END:
                continue
            if key not in actual:
                return self._fail(f"{place}/{key}", value, ABSENT)
            if not self._compare(value, actual[key], f"{place}/{key}"):
                return False
        for key, value in actual.items():
            if key not in FRONT_END and key not in self.later and key not in expected:
                return self._fail(f"{place}/{key}", ABSENT, value)
        return True

    def _fits(self, pattern, text):
        """Tries every length for a placeholder, shortest first."""
        found = PLACEHOLDER.search(pattern)
        if not found:
            return pattern == text
        literal, rest = pattern[:found.start()], pattern[found.end():]
        if not text.startswith(literal):
            return False
        name, tail = found.group(1), text[len(literal):]
        if name != "*" and name in self.bindings:
            bound = self.bindings[name]
            return tail.startswith(bound) and self._fits(rest, tail[len(bound):])
        if not rest:
            if name != "*":
                self.bindings[name] = tail
            return True
        following = PLACEHOLDER.search(rest)
        anchor = rest[:following.start()] if following else rest
        end = tail.find(anchor)
        while end >= 0:
            before = dict(self.bindings)
            if name != "*":
                self.bindings[name] = tail[:end]
            if self._fits(rest, tail[end:]):
                return True
            self.bindings = before
            end = tail.find(anchor, end + 1)
        return False
