#!/usr/bin/env python3
"""Keeps a server busy for minutes, at a share of what it can do, and watches its memory.

First finds out how many rounds a second the clients can push through; then goes on at the share
of that which --load says. A round is an Express execution with its answer, and each tenth one
also a Standard execution that is described, whose history is read, and an error. Old executions
are dropped (--retention-executions), so memory has to stay where it is after the first third.
"""

import argparse
import json
import re
import statistics
import sys
import threading
import time
import urllib.request

from wirekit.server import StepmillServer, built_program
from wirekit.world import ACCOUNT, Failure, World

ROLE = "arn:aws:iam::123456789012:role/states"
MACHINE = {"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Parameters": {"n.$": "$.n", "list.$": "States.ArrayRange(1, 20, 1)"}, "Next": "C"},
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 0, "Next": "F"}], "Default": "M"},
    "M": {"Type": "Map", "ItemsPath": "$.list", "End": True, "ItemProcessor": {
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}},
    "F": {"Type": "Fail", "Error": "Negative"}}}


class Load:
    """Clients that work through rounds, all together at a rate; 0: as fast as they can."""

    def __init__(self, server, clients):
        self.server = server
        self.world = World(server.url)
        self.machines = {}
        for kind in ("EXPRESS", "STANDARD"):
            made = self.call("CreateStateMachine", {
                "name": f"soak-{kind.lower()}", "type": kind, "roleArn": ROLE, "definition": json.dumps(MACHINE)})
            self.machines[kind] = made["stateMachineArn"]
        self.clients, self.errors, self.rounds = clients, [], 0
        self.lock = threading.Lock()

    def call(self, operation, parameters):
        return self.world.call("stepfunctions", operation, parameters)

    def run(self, seconds, rate):
        """Gives the rounds per second that were reached."""
        self.end, self.began, before = time.monotonic() + seconds, time.monotonic(), self.rounds
        threads = [
            threading.Thread(target=self.work, args=(number, rate / self.clients), daemon=True)
            for number in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (self.rounds - before) / (time.monotonic() - self.began)

    def work(self, number, rate):
        done = 0
        while time.monotonic() < self.end and len(self.errors) < 20:
            if rate:
                ahead = self.began + done / rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
            try:
                self.round(number, done)
            except Exception as error:
                with self.lock:
                    self.errors.append(f"{type(error).__name__}: {error}")
            done += 1
            with self.lock:
                self.rounds += 1

    def round(self, number, place):
        n = -1 if place % 7 == 0 else place
        answer = self.call("StartSyncExecution", {
            "stateMachineArn": self.machines["EXPRESS"], "input": json.dumps({"n": n})})
        self.expect(answer["status"] == ("FAILED" if n < 0 else "SUCCEEDED"), answer)
        if place % 10:
            return
        started = self.call("StartExecution", {
            "stateMachineArn": self.machines["STANDARD"], "input": json.dumps({"n": n})})
        for _ in range(2000):
            found = self.call("DescribeExecution", {"executionArn": started["executionArn"]})
            if found["status"] != "RUNNING":
                break
            time.sleep(0.005)
        self.expect(found["status"] == ("FAILED" if n < 0 else "SUCCEEDED"), found)
        events = self.call("GetExecutionHistory", {"executionArn": started["executionArn"]})["events"]
        self.expect(events[-1]["type"] == ("ExecutionFailed" if n < 0 else "ExecutionSucceeded"), events)
        refused = self.call("DescribeExecution", {
            "executionArn": f"arn:aws:states:us-east-1:{ACCOUNT}:execution:none:none"})
        self.expect(isinstance(refused, Failure) and refused.code == "ExecutionDoesNotExist", refused)

    @staticmethod
    def expect(is_so, shown):
        if not is_so:
            raise AssertionError(str(shown)[:500])


def metric(server, name):
    page = urllib.request.urlopen(f"{server.url}/metrics", timeout=30).read().decode()
    found = re.search(rf"^{name} (\S+)$", page, re.M)
    return float(found.group(1)) if found else 0.0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the stepmill to start; default: the one built last")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--load", type=float, default=0.7, help="share of the greatest rate (0.7)")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--growth", type=float, default=10, help="per cent of memory that may come on top (10)")
    parser.add_argument("--data", metavar="DIR", help="give the server this directory to keep everything in")
    chosen = parser.parse_args()
    # Few enough to be reached in the first seconds.
    options = ["--retention-executions", "100"] + (["--data", chosen.data] if chosen.data else [])
    server = StepmillServer(built_program(chosen.program), options)
    load = Load(server, chosen.clients)
    fastest = load.run(max(3, min(20, chosen.minutes * 6)), 0)
    print(f"at most {fastest:.0f} rounds a second; going on at {fastest * chosen.load:.0f}", flush=True)

    samples, seconds = [], chosen.minutes * 60
    watch_end = threading.Event()

    def watch():
        began = time.monotonic()
        while not watch_end.wait(max(0.5, seconds / 60)):
            samples.append((time.monotonic() - began, metric(server, "process_resident_memory_bytes")))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    reached = load.run(seconds, fastest * chosen.load)
    watch_end.set()
    watcher.join()
    for at, size in samples[:: max(1, len(samples) // 10)]:
        print(f"  {at:6.0f} s  {size / 1e6:8.1f} MB")
    running = metric(server, "stepmill_executions_running")
    code = server.stop()

    third = len(samples) // 3
    early = statistics.median(size for _, size in samples[third: 2 * third])
    late = statistics.median(size for _, size in samples[2 * third:])
    growth = 100 * (late - early) / early
    print(f"{load.rounds} rounds, {reached:.0f} a second; memory {early / 1e6:.1f} MB in the second third, "
          f"{late / 1e6:.1f} MB in the last ({growth:+.1f} %); {len(load.errors)} errors; "
          f"{running:.0f} executions left running; the server ended with {code}")
    for error in load.errors[:5]:
        print(f"  {error}")
    return 1 if load.errors or growth > chosen.growth or code != 0 or running > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
