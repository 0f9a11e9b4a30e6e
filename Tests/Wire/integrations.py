#!/usr/bin/env python3
"""Runs the contract tests against moto_server, a server of AWS's APIs by other people.

    python3 -m venv /tmp/moto && /tmp/moto/bin/pip install 'moto[server]' boto3
    /tmp/moto/bin/python Tests/Wire/integrations.py

It starts moto_server, makes what the tests need, lets moto check signatures from there on, runs
`swift test --filter MotoTests`, and looks with boto3 at what has arrived. Where moto or boto3 are
not installed it says so and succeeds.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REGION = "eu-west-1"
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def main():
    try:
        import boto3
    except ImportError:
        return skip("boto3 is not installed")
    here = os.path.join(os.path.dirname(sys.executable), "moto_server")
    server = here if os.path.exists(here) else shutil.which("moto_server")
    if not server:
        return skip("moto_server is not installed")

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # Signatures are checked from the request on that this number leaves over; see below.
    environment = dict(os.environ, INITIAL_NO_AUTH_ACTION_COUNT="8")
    log = open(os.path.join(ROOT, ".build", "moto.log"), "w")
    process = subprocess.Popen(
        [server, "-H", "127.0.0.1", "-p", str(port)], env=environment, stdout=log, stderr=log
    )
    try:
        wait_for(port, process)
        return run(boto3, url)
    finally:
        process.terminate()
        process.wait()


def skip(why):
    print(f"skipped: {why}")
    return 0


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit("moto_server ended: see .build/moto.log")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("moto_server does not listen: see .build/moto.log")


def run(boto3, url):
    def client(service, **keys):
        keys = keys or dict(aws_access_key_id="test", aws_secret_access_key="test")
        return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)

    # Eight requests without a check of their signatures.
    iam = client("iam")
    iam.create_user(UserName="stepmill")
    iam.put_user_policy(UserName="stepmill", PolicyName="all", PolicyDocument=POLICY)
    key = iam.create_access_key(UserName="stepmill")["AccessKey"]
    queue = client("sqs").create_queue(QueueName="stepmill")["QueueUrl"]
    client("sns").create_topic(Name="stepmill")
    client("dynamodb").create_table(
        TableName="stepmill",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("s3").create_bucket(
        Bucket="stepmill", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client("s3").list_buckets()

    keys = dict(
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    environment = dict(
        os.environ,
        STEPMILL_MOTO_URL=url,
        AWS_ACCESS_KEY_ID=key["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
    )
    command = ["swift", "test", "--filter", "MotoTests"] + sys.argv[1:]
    if subprocess.run(command, cwd=ROOT, env=environment).returncode != 0:
        return 1

    messages = client("sqs", **keys).receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    check("from sdk" in [m["Body"] for m in messages.get("Messages", [])], "the queue's message")
    body = client("s3", **keys).get_object(Bucket="stepmill", Key="a dir/ü+1")["Body"].read()
    check(body == b'{"x":[1]}', "the object")
    logs = client("logs", **keys)
    group = "/aws/vendedlogs/stepmill"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    check(len(streams) == 1, "the log stream")
    events = logs.get_log_events(
        logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True
    )["events"]
    check(json.loads(events[0]["message"]) == {"id": "2499"}, "the first log event")
    print("moto: everything has arrived")
    return 0


def check(holds, what):
    if not holds:
        sys.exit(f"moto: {what} is not as it should be")


if __name__ == "__main__":
    sys.exit(main())
