#!/usr/bin/env python3
"""Runs the benchmark workloads on moto's interpreter of Amazon States Language.

moto (PyPI) simulates AWS for tests; its interpreter comes from LocalStack. Nothing is
installed unless you say --install: then `pip install 'moto[stepfunctions]'` goes into a virtual
environment of its own beside the current directory (.moto-peer), some 100 MB.

    python3 Benchmarks/Peers/moto_peer.py --install
    python3 Benchmarks/Peers/moto_peer.py W1 W3 --json peers.json

The definitions are those of the suite, got from `stepmill-benchmarks --dump DIR` or given by
--definitions DIR with w1.asl.json and w1.in.json and so on. The tasks of W3 and W4 answer
inside this process, as they do in the suite, so no network and no Lambda is measured.

Rows have the suite's form: {"name", "contestant": "moto", "unit", "median", "min", "max"}.
"""

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

ENVIRONMENT = ".moto-peer"
TRANSITIONS = {"W1": 100, "W2": 202, "W3": 8, "W4": 3001, "W5": 41}


def install():
    """Makes the virtual environment, says what it does, and ends."""
    print(f"installing moto[stepfunctions] from PyPI into {ENVIRONMENT}/", file=sys.stderr)
    subprocess.check_call([sys.executable, "-m", "venv", ENVIRONMENT])
    subprocess.check_call([f"{ENVIRONMENT}/bin/pip", "install", "--quiet", "moto[stepfunctions]"])
    print("done", file=sys.stderr)


def enter_environment():
    """Starts over with the environment's Python, if moto is there and not here."""
    try:
        import moto  # noqa: F401
    except ImportError:
        python = f"{ENVIRONMENT}/bin/python"
        if os.path.exists(python) and os.path.abspath(python) != os.path.abspath(sys.executable):
            os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])
        sys.exit("moto is not installed; 'moto_peer.py --install' does it, into a place of its own")


def charge(payload, attempts):
    """W3's task: fails the first time in each execution."""
    attempts["charge"] = attempts.get("charge", 0) + 1
    if attempts["charge"] == 1:
        raise RuntimeError("PaymentError")
    return {"id": "tx-" + payload["orderId"], "status": "OK", "amount": payload["amount"]}


def calc(payload, attempts):
    """W4's task."""
    return {"total": payload["qty"] * payload["price"]}


HANDLERS = {"charge": charge, "calc": calc}


class Peer:
    """moto's parser and interpreter, without its web front."""

    def __init__(self):
        os.environ.setdefault("AWS_ACCESS_KEY_ID", "none")
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "none")
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
        import boto3
        from moto import mock_aws

        # The interpreter, instead of a success for everything.
        self.mock = mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
        self.mock.start()
        self.client = boto3.client("stepfunctions")
        self.attempts = {}
        self.executions = 0
        self.patch_tasks()

    def patch_tasks(self):
        """Lets Lambda tasks call the handlers above, where moto would start a container."""
        from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

        attempts = self.attempts

        def execute(env, parameters, *_, **__):
            name = parameters["FunctionName"].split(":")[-1]
            payload = parameters["Payload"]
            try:
                answer = HANDLERS[name](json.loads(payload) if isinstance(payload, (str, bytes)) else payload, attempts)
            except RuntimeError as error:
                raise lambda_eval_utils.LambdaFunctionErrorException(
                    "Handled", json.dumps({"errorType": str(error), "errorMessage": ""})
                ) from error
            env.stack.append({"Payload": answer})

        lambda_eval_utils.execute_lambda_function_integration = execute

        # The pause before a retry is not what is measured, and moto allows none of zero seconds.
        from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

        retrier_decl.time = SimpleNamespace(sleep=lambda seconds: None)

        # moto copies a machine deeply at each start, and fails at it once the machine has run.
        # A flat copy does, and is in moto's favour.
        from moto.stepfunctions.parser import models

        models.copy = SimpleNamespace(deepcopy=copy.copy, copy=copy.copy)

    def machine(self, name, definition):
        return self.client.create_state_machine(
            name=name, definition=definition, roleArn="arn:aws:iam::123456789012:role/bench"
        )["stateMachineArn"]

    def run(self, arn, text):
        """One execution from start to end; returns its output."""
        self.attempts.clear()
        self.executions += 1
        others = set(threading.enumerate())
        execution = self.client.start_execution(
            stateMachineArn=arn, name=f"bench-{self.executions}", input=text
        )["executionArn"]
        # Asking whether it has ended costs more than most executions: its threads are awaited.
        while running := set(threading.enumerate()) - others:
            for thread in running:
                # One that has not begun yet cannot be joined.
                if thread.ident is None:
                    time.sleep(0.0001)
                else:
                    thread.join()
        answer = self.client.describe_execution(executionArn=execution)
        if answer["status"] != "SUCCEEDED":
            raise SystemExit(f"moto: the execution ended {answer['status']}: {answer.get('error')} {answer.get('cause')}")
        return answer["output"]


def measure(peer, name, directory, rounds, seconds):
    stem = os.path.join(directory, name.lower())
    with open(stem + ".asl.json", encoding="utf-8") as file:
        definition = file.read()
    with open(stem + ".in.json", encoding="utf-8") as file:
        text = file.read()
    arn = peer.machine(name, definition)
    expected = json.loads(peer.run(arn, text))
    rates = []
    for _ in range(rounds):
        count, spent = 0, 0.0
        while count == 0 or spent < seconds:
            begun = time.process_time()
            output = peer.run(arn, text)
            spent += time.process_time() - begun
            if json.loads(output) != expected:
                raise SystemExit(f"{name}: the output changed")
            count += 1
        rates.append(count / spent)
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=[], help="W1 to W5; without any, all")
    parser.add_argument("--install", action="store_true", help="install moto into a virtual environment, and end")
    parser.add_argument("--definitions", default="workloads", help="folder of wN.asl.json and wN.in.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="processor time of a round")
    parser.add_argument("--json", help="also write the rows to this file")
    options = parser.parse_args()
    if options.install:
        return install()
    names = options.workloads or sorted(TRANSITIONS)
    for name in names:
        if name not in TRANSITIONS:
            parser.error(f"no workload {name}; there are {', '.join(sorted(TRANSITIONS))}")
        if not os.path.exists(os.path.join(options.definitions, name.lower() + ".asl.json")):
            parser.error(
                f"{options.definitions} has no {name.lower()}.asl.json; "
                "'stepmill-benchmarks --dump DIR' writes the definitions there"
            )
    enter_environment()
    import moto

    peer = Peer()
    rows = []
    print(f"moto {moto.__version__}, {sys.implementation.name} {sys.version.split()[0]}, per second of processor time")
    for name in names:
        rates = measure(peer, name, options.definitions, options.rounds, options.seconds)
        for unit, factor in (("transitions/s", TRANSITIONS[name]), ("executions/s", 1)):
            values = sorted(rate * factor for rate in rates)
            rows.append(
                {"name": name, "contestant": "moto", "detail": f"moto {moto.__version__}", "unit": unit,
                 "median": statistics.median(values), "min": values[0], "max": values[-1],
                 "shareOfFloor": None, "factorToHandwritten": None}
            )
            row = rows[-1]
            print(f"{name:4} moto  {unit:14} {row['median']:12.1f} {row['min']:12.1f} {row['max']:12.1f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
