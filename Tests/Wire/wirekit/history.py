"""How two histories are compared.

Where nothing runs at the same time a history is a list. Branches and iterations that run beside
each other write their events in an order that is nobody's promise; there a history is a tree:
each event hangs on the one it follows from, and the children of an event may stand in any order.
It is what Tests/ConformanceKit/HistoryComparison.swift does, which tells more.
"""

from .text import compact

LOST = {"ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateAborted"}
ENDS = {
    "ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateExited", "MapStateSucceeded",
    "MapStateFailed", "MapStateExited",
}
OUTCOME = ("status", "output", "error", "cause")
ENDINGS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}


def judge(row, got, expectation):
    """The first difference between an execution and what was recorded of it, or None."""
    expect = row.get("expect", {})
    if not same_outcome(expect, got, expectation):
        return expectation.mismatch
    if "events" not in expect:
        return None
    expected = expect["events"]
    actual = with_older_links(got["events"]) if has_older_links(expected) else got["events"]
    if row.get("unordered_parallel_events"):
        return in_bags(expected, actual, expectation)
    difference = in_order(expected, actual, expectation.copy())
    if difference and row.get("concurrent"):
        return as_trees(expected, actual, expectation)
    return difference


def same_outcome(expect, got, expectation):
    def part(whole):
        return {key: whole[key] for key in OUTCOME if key in whole}

    return expectation.matches(part(expect), part(got))


def as_recorded(events):
    """The recordings are of 2024, when `EvaluationFailed` pointed to what the state's own Entered
    event points to (except for a Wait's Timestamp). Since 2026 it points to the state's last
    event, which is what the service tells; here it is told as it was then."""
    entered = {}
    told = []
    for event in events:
        if "stateEnteredEventDetails" in event:
            entered[event["stateEnteredEventDetails"]["name"]] = event["previousEventId"]
        details = event.get("evaluationFailedEventDetails")
        if details and details.get("location") != "Timestamp" and details.get("state") in entered:
            event = {**event, "previousEventId": entered[details["state"]]}
        told.append(event)
    return told


def has_older_links(events):
    """Until 2024 the event that leaves a Distributed Map followed from `MapRunSucceeded`; since then,
    which is what the service tells, it follows from `MapRunStarted`."""
    types = {event.get("id"): event["type"] for event in events}
    return any(
        event["type"] == "MapStateExited" and types.get(event["previousEventId"]) == "MapRunSucceeded"
        for event in events)


def with_older_links(events):
    types = {event.get("id"): event["type"] for event in events}

    def older(event):
        previous = event["previousEventId"]
        is_link = event["type"] == "MapStateExited" and types.get(previous) == "MapRunStarted"
        if is_link and types.get(previous + 1) == "MapRunSucceeded":
            return {**event, "previousEventId": previous + 1}
        return event

    return [older(event) for event in events]


def in_order(expected, actual, expectation):
    for index, (left, right) in enumerate(zip(expected, actual)):
        if not expectation.matches(left, right):
            return f"event {index + 1} of {len(expected)}: {expectation.mismatch}"
    return _count(expected, actual)


def _count(expected, actual):
    if len(expected) == len(actual):
        return None

    def types(events):
        return " ".join(event.get("type", "?") for event in events)

    return (f"{len(expected)} events expected, got {len(actual)}: "
            f"expected {types(expected)}; got {types(actual)}")


def in_bags(expected, actual, expectation):
    """Events without an id were sorted by their content when they were recorded: each run of
    them is compared as a bag with the events that stand there."""
    kept = actual
    if not any(event.get("type") in LOST for event in expected):
        # Of a Parallel inside, the end went with the outer one's if nothing came between them.
        nested = {
            index for index in range(len(actual) - 1)
            if actual[index].get("type") == "ParallelStateExited"
            and actual[index + 1].get("type") in LOST}
        kept = [event for event in actual if event.get("type") not in LOST]
        if len(kept) == len(expected) + len(nested):
            kept = [
                event for index, event in enumerate(actual)
                if event.get("type") not in LOST and index not in nested]
    difference = _count(expected, kept)
    if difference:
        return difference
    index = 0
    while index < len(expected):
        end = index
        while end < len(expected) and "id" not in expected[end]:
            end += 1
        if end == index:
            # A link into a bag may lead to any event of it.
            if not expectation.matches(_content(expected[index]), _content(kept[index])):
                return f"event {index + 1}: {expectation.mismatch}"
            index += 1
            continue
        left = [_content(event) for event in kept[index:end]]
        for event in expected[index:end]:
            partner = next((each for each in left if expectation.matches(_content(event), each)), None)
            if partner is None:
                return f"no event like {compact(_content(event))}"
            left.remove(partner)
        index = end
    return None


def _content(event):
    return {key: value for key, value in event.items() if key not in ("id", "previousEventId")}


def as_trees(expected, actual, expectation):
    difference = _count(expected, actual)
    if difference:
        return difference
    comparison = _Trees(_Tree(expected), _Tree(actual), expectation)
    return None if comparison.same_children(0, 0) else comparison.difference


class _Trees:
    def __init__(self, left, right, expectation):
        self.left, self.right, self.expectation = left, right, expectation
        self.difference = None

    def same_children(self, expected, actual):
        """Finds a partner for each child; recorded histories are small."""
        children = self.left.children.get(expected, [])
        others = list(self.right.children.get(actual, []))
        if len(children) != len(others):
            self.difference = (
                f"event {expected} is followed by {len(children)} events "
                f"({self.left.types(children)}), got {len(others)} ({self.right.types(others)})")
            return False
        for child in children:
            for other in others:
                before = self.expectation.copy()
                if not self.expectation.matches(self.left.contents[child], self.right.contents[other]):
                    self.difference = f"event {child}: {self.expectation.mismatch}"
                    continue
                if self.same_children(child, other):
                    others.remove(other)
                    break
                self.expectation.take(before)
            else:
                return False
        return True


class _Tree:
    """Events by the event that they hang on; 0 stands for the root. A container's end, and the
    start of an iteration that had to wait for its turn, hang on the container's own start."""

    def __init__(self, events):
        self.children, self.contents = {}, {}
        kinds, scopes = {}, {}
        for event in events:
            number, previous, kind = event.get("id", 0), event.get("previousEventId", 0), event.get("type", "")
            before = kinds.get(previous, "")
            kinds[number] = kind
            self.contents[number] = _content(event)
            is_start = kind in ("ParallelStateStarted", "MapStateStarted")
            follows_start = before in ("ParallelStateStarted", "MapStateStarted")
            follows_entry = before in ("ParallelStateEntered", "MapStateEntered")
            follows_failure = before in ("ParallelStateFailed", "MapStateFailed")
            container = previous if follows_start else scopes.get(previous)
            parent = previous
            if kind == "MapIterationStarted":
                parent = container if container is not None else previous
                scopes[number] = container
            elif is_start and not follows_entry or kind in ENDS and not follows_entry and not follows_failure:
                parent = container if container is not None else previous
                scopes[number] = scopes.get(container)
            else:
                scopes[number] = container
            self.children.setdefault(parent, []).append(number)

    def types(self, numbers):
        return " ".join(self.contents[number].get("type", "?") for number in numbers)
