#!/usr/bin/env python3
"""Kills a server with kill -9 while several clients are at work, starts it again, and checks
that everything it had acknowledged is there.

Acknowledged is what a client got an answer for: machines, versions, aliases, tags, activities,
executions and how they ended, with their histories. What was running is there too, closed as
failed with a cause that says so, or still to be seen as started. When the server is killed is
drawn from --seed, which is printed.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time

from wirekit.server import StepmillServer, built_program
from wirekit.world import Failure, World

ROLE = "arn:aws:iam::123456789012:role/states"
QUICK = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"twice.$": "States.Array($.n, $.n)"}, "End": True}}}
SLOW = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
ENDED = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


class Ledger:
    """What the server has said, by what it was said of."""

    def __init__(self):
        self.lock = threading.Lock()
        self.machines, self.versions, self.aliases, self.tags, self.activities = {}, set(), {}, {}, set()
        self.deleted = set()
        # ARN → input; and for those that were seen to have ended, what was said of them.
        self.started, self.ended, self.stopped = {}, {}, set()

    @property
    def size(self):
        return (len(self.machines) + len(self.versions) + len(self.aliases) + len(self.tags)
                + len(self.activities) + len(self.started) + len(self.ended) + len(self.stopped))


class Client(threading.Thread):
    """Works until the server is gone."""

    def __init__(self, url, ledger, number, round_number, seed):
        super().__init__(daemon=True)
        self.world, self.ledger, self.label = World(url), ledger, f"c{number}r{round_number}"
        self.random = random.Random(seed)
        self.problems = []

    def call(self, operation, parameters):
        answer = self.world.call("stepfunctions", operation, parameters)
        if isinstance(answer, Failure):
            self.problems.append(f"{operation}: {answer}")
        return answer

    def run(self):
        import botocore.exceptions
        gone = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError, OSError)
        try:
            self.machine = self.create(0, QUICK)
            self.slow = self.create(1, SLOW)
            place = 2
            while True:
                self.step(place)
                place += 1
        except gone:
            pass
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")

    def create(self, place, definition):
        text = json.dumps(definition)
        made = self.call("CreateStateMachine", {
            "name": f"{self.label}-{place}", "definition": text, "roleArn": ROLE})
        with self.ledger.lock:
            self.ledger.machines[made["stateMachineArn"]] = text
        return made["stateMachineArn"]

    def step(self, place):
        kind = self.random.randrange(12)
        if kind < 5:
            self.execute(place)
        elif kind < 7:
            self.begin(self.slow, place)
        elif kind == 7:
            arn = self.begin(self.slow, place)
            self.call("StopExecution", {"executionArn": arn, "error": "Stopped", "cause": str(place)})
            with self.ledger.lock:
                self.ledger.stopped.add(arn)
        elif kind == 8:
            arn = self.create(place, {**QUICK, "Comment": str(place)})
            self.call("TagResource", {"resourceArn": arn, "tags": [{"key": "place", "value": str(place)}]})
            with self.ledger.lock:
                self.ledger.tags[arn] = str(place)
        elif kind == 9:
            text = json.dumps({**QUICK, "Comment": f"revision {place}"})
            self.call("UpdateStateMachine", {"stateMachineArn": self.machine, "definition": text})
            with self.ledger.lock:
                self.ledger.machines[self.machine] = text
            version = self.call(
                "PublishStateMachineVersion", {"stateMachineArn": self.machine})["stateMachineVersionArn"]
            with self.ledger.lock:
                self.ledger.versions.add(version)
            routing = [{"stateMachineVersionArn": version, "weight": 100}]
            alias = self.call("CreateStateMachineAlias", {
                "name": f"a{place}", "routingConfiguration": routing})["stateMachineAliasArn"]
            with self.ledger.lock:
                self.ledger.aliases[alias] = version
        elif kind == 10:
            arn = self.call("CreateActivity", {"name": f"{self.label}-{place}"})["activityArn"]
            with self.ledger.lock:
                self.ledger.activities.add(arn)
        else:
            arn = self.create(place, QUICK)
            with self.ledger.lock:
                # From here on it may or may not be there.
                del self.ledger.machines[arn]
            self.call("DeleteStateMachine", {"stateMachineArn": arn})
            with self.ledger.lock:
                self.ledger.deleted.add(arn)

    def begin(self, machine, place):
        text = json.dumps({"n": place, "by": self.label})
        arn = self.call("StartExecution", {
            "stateMachineArn": machine, "name": f"e{place}", "input": text})["executionArn"]
        with self.ledger.lock:
            self.ledger.started[arn] = text
        return arn

    def execute(self, place):
        arn = self.begin(self.machine, place)
        for _ in range(1000):
            found = self.call("DescribeExecution", {"executionArn": arn})
            if found["status"] in ENDED:
                with self.ledger.lock:
                    self.ledger.ended[arn] = found["status"], found.get("output")
                return
            time.sleep(0.002)


def check(url, ledger):
    """What is missing or wrong after a restart."""
    world, wrong = World(url), []

    def ask(operation, what, **parameters):
        answer = world.call("stepfunctions", operation, parameters)
        if isinstance(answer, Failure):
            wrong.append(f"{what}: {answer}")
            return None
        return answer

    for arn, text in ledger.machines.items():
        found = ask("DescribeStateMachine", "machine", stateMachineArn=arn)
        # The last update may have been acknowledged by nobody.
        if found and found["definition"] != text and '"Comment"' not in found["definition"]:
            wrong.append(f"machine {arn}: another definition than the acknowledged one")
    for arn in ledger.versions:
        ask("DescribeStateMachine", "version", stateMachineArn=arn)
    for arn, version in ledger.aliases.items():
        found = ask("DescribeStateMachineAlias", "alias", stateMachineAliasArn=arn)
        if found and found["routingConfiguration"][0]["stateMachineVersionArn"] != version:
            wrong.append(f"alias {arn} names another version")
    for arn, value in ledger.tags.items():
        found = ask("ListTagsForResource", "tags", resourceArn=arn)
        if found and found["tags"] != [{"key": "place", "value": value}]:
            wrong.append(f"tags of {arn}: {found['tags']}")
    for arn in ledger.activities:
        ask("DescribeActivity", "activity", activityArn=arn)
    for arn in ledger.deleted:
        found = world.call("stepfunctions", "DescribeStateMachine", {"stateMachineArn": arn})
        if not isinstance(found, Failure) and found["status"] != "DELETING":
            wrong.append(f"machine {arn} was deleted and is there")
    for arn, text in ledger.started.items():
        found = ask("DescribeExecution", "execution", executionArn=arn)
        if not found:
            continue
        if found["input"] != text:
            wrong.append(f"execution {arn}: another input")
        if arn in ledger.ended and (found["status"], found.get("output")) != ledger.ended[arn]:
            wrong.append(f"execution {arn} was {ledger.ended[arn]}, is {found['status']}")
        if arn in ledger.stopped and (found["status"], found.get("error")) != ("ABORTED", "Stopped"):
            wrong.append(f"execution {arn} was stopped, is {found['status']}")
        if found["status"] == "RUNNING":
            wrong.append(f"execution {arn} still runs, though nothing runs it")
        if found["status"] == "FAILED" and not found.get("cause"):
            wrong.append(f"execution {arn} was cut off without a cause that says so")
        page = ask("GetExecutionHistory", "history", executionArn=arn, maxResults=1000)
        if page:
            types = [event["type"] for event in page["events"]]
            numbers = [event["id"] for event in page["events"]]
            if numbers != list(range(1, len(numbers) + 1)) or types[:1] != ["ExecutionStarted"]:
                wrong.append(f"execution {arn}: a history of {types}")
            elif arn in ledger.ended and types[-1] != "ExecutionSucceeded":
                wrong.append(f"execution {arn}: its history ends with {types[-1]}")
    return wrong


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the stepmill to start; default: the one built last")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=None, help="draws when the server is killed")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    directory = tempfile.mkdtemp(prefix="stepmill-kill-")
    program, failures, ledger = built_program(chosen.program), 0, Ledger()
    for round_number in range(chosen.rounds):
        server = StepmillServer(program, ["--data", directory])
        clients = [
            Client(server.url, ledger, number, round_number, chance.random())
            for number in range(chosen.clients)]
        for client in clients:
            client.start()
        # On a slow machine work begins late; a kill before that would prove nothing.
        enough, give_up = ledger.size + 50, time.monotonic() + 60
        while ledger.size < enough and time.monotonic() < give_up:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 2))
        server.kill()
        for client in clients:
            client.join(30)
        server = StepmillServer(program, ["--data", directory])
        wrong = check(server.url, ledger) + [text for client in clients for text in client.problems]
        code = server.stop()
        if code != 0:
            wrong.append(f"the server ended with {code}")
        failures += bool(wrong)
        print(f"round {round_number + 1}: {ledger.size} acknowledgements, "
              f"{len(ledger.started)} executions: {'all there' if not wrong else f'{len(wrong)} wrong'}", flush=True)
        for text in wrong[:10]:
            print(f"  {text}")
        if round_number % 5 == 4:
            # The check takes as long as the ledger is; a new one for new rounds.
            ledger = Ledger()
    shutil.rmtree(directory)
    print(f"{chosen.rounds - failures} of {chosen.rounds} rounds without a loss")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
