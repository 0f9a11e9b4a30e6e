#!/usr/bin/env python3
"""What a newcomer does: the boto3 script and the lines for the AWS CLI, run as they stand.

Both stand here as they stand in the README (which is checked, where it has them), and know
nothing of the server but its address in the environment.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from wirekit.server import ROOT, StepmillServer, built_program

BOTO3 = '''
import boto3, json, time

client = boto3.client("stepfunctions")
machine = client.create_state_machine(
    name="greet", roleArn="arn:aws:iam::123456789012:role/any",
    definition=json.dumps({"StartAt": "Greet", "States": {"Greet": {
        "Type": "Pass", "Parameters": {"text.$": "States.Format('Hello, {}!', $.name)"}, "End": True}}}))
execution = client.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"name": "Ada"}')
while (now := client.describe_execution(executionArn=execution["executionArn"]))["status"] == "RUNNING":
    time.sleep(0.1)
print(now["status"], now["output"])
for event in client.get_execution_history(executionArn=execution["executionArn"])["events"]:
    print(event["id"], event["type"])
'''

BOTO3_OUTPUT = """SUCCEEDED {"text":"Hello, Ada!"}
1 ExecutionStarted
2 PassStateEntered
3 PassStateExited
4 ExecutionSucceeded
"""

LOGS = '''
import boto3, json, os

client = boto3.client("stepfunctions")
logs = boto3.client("logs", endpoint_url=os.environ["AWS_ENDPOINT_URL_SFN"])
group = "arn:aws:logs:us-east-1:123456789012:log-group:/told/of:*"
machine = client.create_state_machine(
    name="telling", type="EXPRESS", roleArn="arn:aws:iam::123456789012:role/any",
    definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
    loggingConfiguration={"level": "ALL", "includeExecutionData": True, "destinations": [
        {"cloudWatchLogsLogGroup": {"logGroupArn": group}}]})["stateMachineArn"]
for number in range(3):
    client.start_sync_execution(stateMachineArn=machine, input=json.dumps({"number": number}))
pages = logs.get_paginator("filter_log_events").paginate(
    logGroupName="/told/of", filterPattern="PassState", PaginationConfig={"PageSize": 4})
for event in (event for page in pages for event in page["events"]):
    message = json.loads(event["message"])
    print(message["type"], message["details"].get("input"), message["details"].get("output"))
print([stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="/told/of")["logStreams"]])
try:
    logs.get_log_events(logGroupName="/nobody/s", logStreamName="x")
except logs.exceptions.ResourceNotFoundException as error:
    print(error)
'''

LOGS_OUTPUT = "".join(
    f'PassStateEntered {{"number":{number}}} None\nPassStateExited None {{"number":{number}}}\n'
    for number in range(3)) + """['states/telling']
An error occurred (ResourceNotFoundException) when calling the GetLogEvents operation: The specified log group does not exist.
"""

CLI = '''
arn=$(aws stepfunctions create-state-machine --name wave --role-arn arn:aws:iam::123456789012:role/any \\
  --definition '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": true}}}' \\
  --query stateMachineArn --output text)
execution=$(aws stepfunctions start-execution --state-machine-arn "$arn" --input '{"hello": "world"}' \\
  --query executionArn --output text)
until aws stepfunctions describe-execution --execution-arn "$execution" --query status --output text |
  grep -v RUNNING; do sleep 0.2; done
aws stepfunctions list-executions --state-machine-arn "$arn" --query 'executions[].status' --output text
aws stepfunctions get-execution-history --execution-arn "$execution" --query 'events[].type' --output text
express=$(aws stepfunctions create-state-machine --name double --type EXPRESS \\
  --role-arn arn:aws:iam::123456789012:role/any --query stateMachineArn --output text \\
  --definition '{"QueryLanguage": "JSONata", "StartAt": "D", "States": {"D": {"Type": "Pass",
    "Output": "{% $states.input * 2 %}", "End": true}}}')
aws stepfunctions start-sync-execution --state-machine-arn "$express" --input 21 --query output --output text
aws stepfunctions list-state-machines --query 'stateMachines[].name' --output text
'''

CLI_OUTPUT = """SUCCEEDED
SUCCEEDED
ExecutionStarted\tWaitStateEntered\tWaitStateExited\tExecutionSucceeded
42
double\tgreet\twave
"""


def run(what, command, environment, wanted):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode == 0 and done.stdout == wanted:
        print(f"{what}: as it should be")
        return True
    print(f"{what}: ended with {done.returncode}\n--- wanted\n{wanted}--- got\n{done.stdout}{done.stderr}")
    return False


def is_in_readme(sign, text):
    """False if the README tells such a thing in other words than those that were run here."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    if sign not in readme or text.strip() in readme:
        return True
    print(f"the README's lines with {sign} are others than those in {os.path.basename(__file__)}")
    return False


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the stepmill to start; default: the one built last")
    server = StepmillServer(built_program(parser.parse_args().program))
    tools = os.path.dirname(sys.executable)
    with tempfile.TemporaryDirectory() as home:
        environment = {
            # Nothing of the caller's own: no profile, no other endpoint.
            "PATH": f"{tools}:{os.environ['PATH']}", "HOME": home, "AWS_PAGER": "",
            "AWS_ENDPOINT_URL_SFN": server.url, "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1"}
        good = run("boto3", [sys.executable, "-c", BOTO3], environment, BOTO3_OUTPUT)
        if shutil.which("aws", path=environment["PATH"]):
            good = run("aws", ["bash", "-euo", "pipefail", "-c", CLI], environment, CLI_OUTPUT) and good
        else:
            print("aws: the AWS CLI is not installed here, so its lines were not run")
        good = run("logs", [sys.executable, "-c", LOGS], environment, LOGS_OUTPUT) and good
        good = is_in_readme("boto3.client(", BOTO3) and is_in_readme("aws stepfunctions start-", CLI) and good
    code = server.stop()
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
