#!/usr/bin/env python3
"""Runs the cases that were recorded from AWS over the wire: unmodified boto3, a real server.

Executions are created, started, waited for and compared with their whole history; scripts are
sequences of calls, compared with their answers and errors. Lambda functions are answered by a
stub on loopback, other services of AWS by moto's server where it is installed. The cases lie in
STEPMILL_CONFORMANCE, else in ../shared/conformance beside the package.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import sys
import time

from wirekit.cases import Answer, Case
from wirekit.functions import FunctionStub
from wirekit.server import MotoServer, StepmillServer, built_program, conformance_directory
from wirekit.text import compact
from wirekit.world import Failure, World

SETS = ("executions", "scripts")
# What moto answers well enough to be compared with.
MOTO_SERVICES = {"sqs", "sns", "dynamodb", "s3", "events", "secretsmanager", "logs"}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help="executions, scripts; both without any")
    parser.add_argument("--program", help="the stepmill to start; default: the one built last")
    parser.add_argument("--url", help="use a server that runs already; it needs --endpoint lambda=STUB for functions")
    parser.add_argument("--stub-port", type=int, default=0, help="where the stub of Lambda listens (with --url)")
    parser.add_argument("--no-moto", action="store_true", help="without other services of AWS")
    parser.add_argument("--only", metavar="ID", help="cases whose id contains ID")
    parser.add_argument("--group", help="cases of this group")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth case only")
    parser.add_argument("--jobs", type=int, default=64, help="cases at a time (64)")
    parser.add_argument("--json", metavar="FILE", help="write a row of JSON per case; `-` is standard output")
    parser.add_argument("--require", metavar="E,S", help="end with 1 below these per cent of executions and scripts")
    chosen = parser.parse_args()
    for name in chosen.sets:
        if name not in SETS:
            parser.error(f"there is no set '{name}'; there are {', '.join(SETS)}")
    return chosen


def cases_of(name, number, chosen):
    path = os.path.join(conformance_directory(), "asl", f"{name}.jsonl")
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file if line.strip()]
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}; STEPMILL_CONFORMANCE names the folder of the cases")
    cases = [Case(line, number + place) for place, line in enumerate(lines)]
    return [
        case for place, case in enumerate(cases)
        if place % chosen.every == 0 and (not chosen.only or chosen.only in case.id)
        and (not chosen.group or chosen.group == case.group)]


def has_distributed_map(world):
    """Whether the server runs a Distributed Map at all."""
    definition = {"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}}}
    account = "799999999999"
    created = world.call("stepfunctions", "CreateStateMachine", {
        "name": "probe", "definition": compact(definition),
        "roleArn": f"arn:aws:iam::{account}:role/role"}, account)
    if isinstance(created, Failure):
        return False
    started = world.call("stepfunctions", "StartExecution", {
        "stateMachineArn": created["stateMachineArn"], "input": "[1]"}, account)
    if isinstance(started, Failure):
        return False
    for _ in range(100):
        end = world.call(
            "stepfunctions", "DescribeExecution", {"executionArn": started["executionArn"]}, account)
        if end["status"] != "RUNNING":
            return end["status"] == "SUCCEEDED"
        time.sleep(0.05)
    return False


class Surroundings:
    """The server with its stub and moto, as far as they are there."""

    def __init__(self, chosen):
        self.stub = FunctionStub(chosen.stub_port)
        self.moto = self.server = None
        served = set()
        if chosen.url:
            url = chosen.url
            served.add("lambda")
        else:
            program = built_program(chosen.program)
            options = []
            if StepmillServer.offers(program, "--endpoint"):
                options += ["--endpoint", f"lambda={self.stub.url}"]
                served.add("lambda")
            if not chosen.no_moto and MotoServer.is_installed():
                self.moto = MotoServer()
                served.add("logs")
                if served & {"lambda"}:
                    served |= MOTO_SERVICES | {"logs-delivery"}
                    for service in sorted(MOTO_SERVICES):
                        options += ["--endpoint", f"{service}={self.moto.url}"]
            self.server = StepmillServer(program, options)
            url = self.server.url
        self.world = World(url, self.stub, self.moto.url if self.moto else None)
        if has_distributed_map(self.world):
            served.add("distributed-map")
        self.served = served

    def close(self):
        code = self.server.stop() if self.server else 0
        if self.moto:
            self.moto.stop()
        self.stub.close()
        return code


def perform(cases, around, jobs):
    """Answers in the order of the cases."""
    def one(case):
        try:
            return case.run(around.world, around.served)
        except Exception as error:  # a broken answer must not end the other cases
            return Answer(case, difference=f"{type(error).__name__}: {error}")

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, cases))


def report(name, answers):
    """Prints what came of a set; gives its share in per cent."""
    run = [answer for answer in answers if not answer.skipped]
    equal = sum(answer.difference is None for answer in run)
    share = 100 * equal / len(run) if run else 0.0
    print(f"{name}: {equal} of {len(run)} equal ({share:.1f} %)")
    for answer in run:
        if answer.difference is not None:
            print(f"  differs: {answer.case.id} ({answer.case.group})\n    {answer.difference}")
    reasons = collections.defaultdict(list)
    for answer in answers:
        if answer.skipped:
            reasons[answer.skipped].append(answer.case.id)
    for reason, names in sorted(reasons.items(), key=lambda each: -len(each[1])):
        print(f"  not run, {reason}: {len(names)} ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})")
    if answers:
        slowest = max(answers, key=lambda answer: answer.seconds)
        print(f"  slowest: {slowest.case.id}, {slowest.seconds:.1f} s")
    return share


def main():
    chosen = arguments()
    names = chosen.sets or SETS
    sets = {name: cases_of(name, 1000 * SETS.index(name), chosen) for name in names}
    if not any(sets.values()):
        sys.exit("no case is like that")
    around = Surroundings(chosen)
    shares, rows, began = {}, [], time.monotonic()
    for name, cases in sets.items():
        answers = perform(cases, around, chosen.jobs)
        shares[name] = report(name, answers)
        rows += [{"set": name, **answer.row()} for answer in answers]
    code = around.close()
    print(f"{time.monotonic() - began:.0f} s")
    if code != 0:
        print(f"the server ended with {code}")
    if chosen.json:
        with open(1 if chosen.json == "-" else chosen.json, "w", closefd=chosen.json != "-") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    wanted = dict(zip(SETS, (float(text) for text in (chosen.require or "0,0").split(","))))
    return 1 if code != 0 or any(shares[name] < wanted[name] for name in shares) else 0


if __name__ == "__main__":
    sys.exit(main())
