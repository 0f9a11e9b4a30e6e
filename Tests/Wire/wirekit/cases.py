"""Cases that were recorded from AWS, run again over the wire.

Each case has the server to itself: what it calls account 123456789012 is an account of its own,
and its free names get a text that no other case has. Cases that other services take part in stay
in the account that moto calls its own.
"""

import datetime
import re
import time

from . import history
from .expectation import LATER, Expectation
from .text import compact, parse, parsed_or_none
from .world import ACCOUNT, Failure

# Wall time of a case, with what comes before and after it below a minute.
SECONDS_MAX = 55
OWN_SERVICES = {"states", "sfn", "activity", "stepfunctions"}
ROLE = "arn:aws:iam::123456789012:role/role"


# What moto leaves out of its answers, or adds to them.
MOTO_MEMBERS = {"ServerSideEncryption", "ChecksumType", "ConsumedCapacity"}
MOTO_LACKS = {"2c2dfe760b-get_execution_history": "the rules of a table's name"}


class Answer:
    """What came of a case: `difference` is None when it is as recorded."""

    def __init__(self, case, difference=None, skipped=None, seconds=0.0):
        self.case, self.difference, self.skipped, self.seconds = case, difference, skipped, seconds

    def row(self):
        state = "skipped" if self.skipped else "failed" if self.difference else "equal"
        more = {"why": self.skipped or self.difference} if self.skipped or self.difference else {}
        return {"id": self.case.id, "group": self.case.group, "state": state,
                "seconds": round(self.seconds, 3), **more}


class Skip(Exception):
    """The case cannot be run here; the text says why."""


class Case:
    def __init__(self, line, number):
        row = parse(line)
        self.id, self.group, self.number = row["id"], row["group"], number
        self.needs = _needs(row)
        names = sorted(set(re.findall(r"uid\d{5}", line)))
        for place, name in enumerate(names):
            line = line.replace(name, f"u{number:04d}{place:03d}")
        self.account = ACCOUNT
        if not self.needs - {"lambda", "distributed-map"}:
            self.account = f"{700_000_000_000 + number}"
            line = line.replace(ACCOUNT, self.account)
        self.line = line

    def run(self, world, served):
        missing = self.needs - served
        if missing:
            return Answer(self, skipped=f"needs {', '.join(sorted(missing))}")
        line = re.sub(
            r"\$\{QueueUrl:([^}]*)\}", lambda name: f"{world.services_url}/{ACCOUNT}/{name.group(1)}",
            self.line)
        row, began = parse(line), time.monotonic()
        try:
            run = ScriptRun if "steps" in row else ExecutionRun
            difference, skipped = run(world, self.account, row).perform(), None
        except Skip as why:
            difference, skipped = None, str(why)
        world.forget(self.account)
        if difference and self.needs - {"lambda"}:
            lacking = next((name for name in MOTO_MEMBERS if f"/{name}: " in difference), None)
            lacking = lacking or MOTO_LACKS.get(self.id)
            if lacking:
                difference, skipped = None, f"needs what moto lacks: {lacking}"
        return Answer(self, difference, skipped, time.monotonic() - began)


def _needs(row):
    """The services beside the server's own that a case calls."""
    needs = set(row.get("requires", []))
    needs |= {step["service"] for step in row.get("setup", []) + row.get("steps", [])}
    # A script's definitions are texts.
    for text in re.findall(r'arn:aws:states:::([a-z0-9-]+(?::[a-z0-9]+)?)', compact(row)):
        parts = text.split(":")
        needs.add(parts[1] if parts[0] == "aws-sdk" and len(parts) > 1 else parts[0])
    if row.get("lambda") or any("lambda" in step for step in row.get("steps", [])):
        needs.add("lambda")
    if re.search(r'"Mode\\*": ?\\*"DISTRIBUTED', compact(row)):
        needs.add("distributed-map")
    # Somebody else's log service is called like any other; what it is asked for is the server's.
    if any(step["op"] == "DescribeLogStreams" for step in row.get("steps", [])):
        needs.add("logs-delivery")
    # What a script only validates or mocks is not called.
    if "steps" in row and not any(step["op"].startswith("Start") for step in row["steps"]):
        needs = {step["service"] for step in row["steps"]}
    return needs - OWN_SERVICES


class Run:
    def __init__(self, world, account, row):
        self.world, self.account, self.row = world, account, row
        self.deadline = time.monotonic() + SECONDS_MAX
        for name, behaviour in row.get("lambda", {}).items():
            world.functions.define(name, behaviour)

    def call(self, operation, parameters, account=None):
        return self.world.call("stepfunctions", operation, parameters, account or self.account)

    def pauses(self):
        """Waits between tries, a little longer each time, until the time is up."""
        pause = 0.01
        while time.monotonic() < self.deadline:
            yield
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def history(self, arn):
        events, token = [], {}
        while True:
            page = self.call("GetExecutionHistory", {"executionArn": arn, "maxResults": 1000, **token})
            if isinstance(page, Failure):
                return events
            events += [_without(event, "timestamp") for event in page["events"]]
            if "nextToken" not in page:
                return events
            token = {"nextToken": page["nextToken"]}


class ExecutionRun(Run):
    def perform(self):
        row = self.row
        if row.get("driven_by_test"):
            raise Skip("the recorded test intervenes while it runs")
        self.prepare()
        if "runs" in row:
            return self.several()
        arn = self.create(row["state_machine"])
        if isinstance(arn, Failure):
            return f"CreateStateMachine: {arn}"
        if row["kind"] == "sync-execution":
            return self.synchronous(arn)
        got, description = self.execute(arn, row.get("input"), row.get("execution_name"))
        expectation = Expectation(LATER)
        difference = history.judge(row, got, expectation)
        if difference is None and "describe" in row["expect"]:
            if not Expectation(LATER).matches(row["expect"]["describe"], description):
                return "DescribeExecution differs"
        return difference

    def prepare(self):
        for step in self.row.get("setup", []):
            parameters = _bytes(step["params"])
            answer = self.world.call(step["service"], step["op"], parameters, self.account)
            if isinstance(answer, Failure):
                raise Skip(f"its {step['service']}:{step['op']} is refused here: {answer}")
        for machine in self.row.get("other_state_machines", []):
            self.create(machine, machine.get("account"))
        for companion in self.row.get("companion_executions", []):
            arn = self.create(companion["state_machine"])
            if isinstance(arn, Failure):
                raise Skip(f"its companion cannot be created: {arn}")
            self.call("StartExecution", {
                "stateMachineArn": arn, "input": compact(companion.get("input", {}))})

    def create(self, machine, account=None):
        definition = machine["definition"]
        answer = self.call("CreateStateMachine", {
            "name": machine["name"], "roleArn": machine.get("roleArn", ROLE),
            "type": machine.get("type", "STANDARD"),
            "definition": definition if isinstance(definition, str) else compact(definition)}, account)
        return answer if isinstance(answer, Failure) else answer["stateMachineArn"]

    def execute(self, arn, given, name):
        """Starts an execution and waits for its end: its outcome with its history, and what
        DescribeExecution says."""
        parameters = {"stateMachineArn": arn, "input": compact(_with_times(given))}
        if name:
            parameters["name"] = name
        started = self.call("StartExecution", parameters)
        if isinstance(started, Failure):
            return {"status": f"NOT_STARTED: {started}", "events": []}, {}
        execution = started["executionArn"]
        for _ in self.pauses():
            end = self.call("DescribeExecution", {"executionArn": execution})
            if end["status"] != "RUNNING" or self.row.get("expect", {}).get("status") == "RUNNING" and (
                    len(self.history(execution)) >= len(self.row["expect"]["events"])):
                break
        else:
            raise Skip(f"takes more than {SECONDS_MAX} s")
        got = {key: end[key] for key in history.OUTCOME if key in end}
        got["events"] = history.as_recorded(self.history(execution))
        return got, end

    def synchronous(self, arn):
        parameters = {"stateMachineArn": arn, "input": compact(self.row.get("input", {}))}
        if "execution_name" in self.row:
            parameters["name"] = self.row["execution_name"]
        got = self.call("StartSyncExecution", parameters)
        wanted = self.row["expect"]["response"]
        if "billingDetails" in wanted:
            # How long the recorded one took.
            wanted["billingDetails"]["billedDurationInMilliseconds"] = "${*}"
        if isinstance(got, Failure):
            return f"StartSyncExecution: {got}"
        expectation = Expectation()
        return None if expectation.matches(wanted, got) else expectation.mismatch

    def several(self):
        """Many small executions, of which only the outcome was recorded."""
        for index, each in enumerate(self.row["runs"]):
            machine = dict(self.row["state_machine"])
            machine["definition"] = each.get("definition", machine.get("definition"))
            machine["name"] = f"{machine.get('name', 'machine')[:70]}-{index}"
            arn = self.create(machine)
            if isinstance(arn, Failure):
                return f"run {index + 1}: CreateStateMachine: {arn}"
            got, _ = self.execute(arn, each.get("input"), None)
            expectation = Expectation()
            if not history.same_outcome(each.get("expect", {}), got, expectation):
                return f"run {index + 1}: {expectation.mismatch}"
        return None


class ScriptRun(Run):
    def perform(self):
        self.answers, self.expectation = {}, Expectation(LATER)
        steps = self.row["steps"]
        for index, step in enumerate(steps):
            difference = self.step(step, steps[index + 1:])
            if difference:
                return f"step {step['step']} ({step['op']}): {difference}"
        return None

    def step(self, step, later):
        parameters = _bytes(self.filled(step["params"]))
        if step["op"] == "GetLogEvents":
            # The recording has lost what the stream was called.
            streams = next(each["logStreams"] for each in self.answers.values() if "logStreams" in each)
            parameters["logStreamName"] = streams[0]["logStreamName"]
        if step["service"] == "lambda":
            name = parameters["FunctionName"]
            self.world.functions.define(name, step["lambda"])
            self.answers[step["step"]] = {
                "FunctionArn": f"arn:aws:lambda:us-east-1:{self.account}:function:{name}"}
            return None
        difference = None
        for _ in self.pauses():
            answer = self.world.call(step["service"], step["op"], parameters, self.account)
            self.answers[step["step"]] = {} if isinstance(answer, Failure) else answer
            difference = self.judge(step, answer)
            if "poll" not in step or self.is_there(step, later, answer, difference):
                return difference
            if step["op"] == "GetExecutionHistory" and self.has_ended(answer):
                # It will not become another one.
                return difference
        return difference or "what a later step needs never came"

    def is_there(self, step, later, answer, difference):
        """Whether a repeated call has what is looked for."""
        if "expect" in step:
            return difference is None
        if isinstance(answer, Failure):
            return False
        if step["op"] == "GetExecutionHistory":
            return self.has_ended(answer)
        if step["service"] != "stepfunctions" and not any(answer.values()):
            return False
        wanted = re.findall(r"\$\{step" + str(step["step"]) + r"(?![0-9])([^}]*)\}", compact(later))
        return all(self.looked_up(f"{step['step']}{path}") is not None for path in wanted)

    @staticmethod
    def has_ended(answer):
        events = [] if isinstance(answer, Failure) else answer["events"]
        return bool(events) and events[-1]["type"] in history.ENDINGS

    def judge(self, step, answer):
        expected = step.get("expect_error")
        if isinstance(answer, Failure):
            if expected is None:
                return None if step.get("may_fail") else f"got the error {answer}"
            text = expected.get("Message", "${*}")
            # Some recorded texts are not the service's own; that it refuses, and as what, holds all the same.
            if text.startswith("Error=ValueError Args="):
                text = "${*}"
            wanted = {"Code": expected.get("Code"), "Message": text}
            got = {"Code": answer.code, "Message": answer.message}
            return None if self.expectation.matches(wanted, got) else self.expectation.mismatch
        if expected is not None:
            return f"expected {compact(expected)}, got {compact(answer)[:300]}"
        if "expect" not in step:
            return None
        shown = _with_sorted_references(answer)
        if "events" in shown and step["service"] == "stepfunctions":
            shown["events"] = [_without(event, "timestamp") for event in shown["events"]]
        same = self.expectation.matches(_with_sorted_references(step["expect"]), shown)
        return None if same else self.expectation.mismatch

    # Values of earlier answers: `${step3.executionArn}`

    def filled(self, value):
        if isinstance(value, dict):
            return {key: self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if isinstance(value, str):
            def found(place):
                text = self.looked_up(place.group(1))
                return place.group(0) if text is None else text

            return re.sub(r"\$\{step([^}]*)\}", found, value)
        return value

    def looked_up(self, path):
        first, _, inner = path.partition("|")
        number, _, rest = first.partition(".")
        value = _walk(self.answers.get(int(number)), rest)
        if inner and isinstance(value, str):
            value = _walk(parsed_or_none(value), inner.partition(".")[2])
        return value if value is None or isinstance(value, str) else compact(value)


def _walk(value, path):
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def _without(event, key):
    return {name: value for name, value in event.items() if name != key}


def _with_sorted_references(answer):
    """The lists of variables are sets."""
    answer = dict(answer)
    if "variableReferences" in answer:
        answer["variableReferences"] = {
            key: sorted(names) for key, names in answer["variableReferences"].items()}
    return answer


def _with_times(value):
    if isinstance(value, dict):
        return {key: _with_times(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_times(each) for each in value]
    found = re.fullmatch(r"\$\{Now\+(\d+)d\}", value) if isinstance(value, str) else None
    if not found:
        return value
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=int(found.group(1)))
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03d}Z"


def _bytes(value):
    """`{"$text": …}` and `{"$base64": …}` are bytes."""
    import base64
    if isinstance(value, dict):
        if set(value) == {"$text"}:
            return value["$text"].encode()
        if set(value) == {"$base64"}:
            return base64.b64decode(value["$base64"])
        return {key: _bytes(each) for key, each in value.items()}
    return [_bytes(each) for each in value] if isinstance(value, list) else value
