#!/usr/bin/env python3
"""Distributed Maps and `stepmill map` over somebody else's S3, moto's: large objects in ranges,
large results in parts, whole listings, and an S3 that dies on the way.

    .build/wire/bin/python Tests/Wire/buckets.py [--program PATH] [--rows N]

Where moto or boto3 are not installed it says so and succeeds.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import boto3
    from wirekit.server import MotoServer, StepmillServer, built_program
except ImportError:
    print("skipped: boto3 is not installed")
    sys.exit(0)

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/role"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the stepmill to test; default: the one built last")
    parser.add_argument("--rows", type=int, default=30_000, help="rows of the large object (30000)")
    return parser.parse_args()


def check(holds, what):
    if not holds:
        sys.exit(f"buckets: {what}")
    print(f"  {what}: as it should be")


def definition(reader, processor_type="EXPRESS", **more):
    return json.dumps({"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "Label": "rows", "ItemReader": reader, "MaxConcurrency": 500,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": processor_type},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, **more}}})


GET_JSONL = {
    "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"},
    "Parameters": {"Bucket": "rows", "Key.$": "$.key"}}
WRITER = {
    "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "rows", "Prefix": "out"},
    "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"}}


class Machines:
    def __init__(self, url):
        self.client = boto3.client(
            "stepfunctions", endpoint_url=url, region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test")
        self.count = 0

    def run(self, text, given, seconds=120):
        self.count += 1
        machine = self.client.create_state_machine(
            name=f"m{self.count}", definition=text, roleArn=ROLE)["stateMachineArn"]
        arn = self.client.start_execution(
            stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        for _ in range(seconds * 20):
            end = self.client.describe_execution(executionArn=arn)
            if end["status"] != "RUNNING":
                return end
            time.sleep(0.05)
        sys.exit("buckets: an execution does not end")


def lines_of(s3, output):
    """The records that a ResultWriter's manifest lists."""
    details = output["ResultWriterDetails"]
    manifest = json.load(s3.get_object(Bucket=details["Bucket"], Key=details["Key"])["Body"])
    lines = []
    for file in manifest["ResultFiles"]["SUCCEEDED"]:
        body = s3.get_object(Bucket="rows", Key=file["Key"])["Body"].read()
        check(len(body) == file["Size"], f"the size of {file['Key'].split('/')[-1]} ({len(body)} bytes)")
        lines += body.decode().splitlines()
    return lines


def served(s3, url, rows):
    server = Machines(url)
    began = time.monotonic()
    end = server.run(definition(GET_JSONL, ResultWriter=WRITER), {"key": "large ü+.jsonl"})
    check(end["status"] == "SUCCEEDED", f"{len(rows)} rows in and out {end.get('cause', '')}")
    print(f"  {len(rows) / (time.monotonic() - began):.0f} children a second")
    found = sorted(lines_of(s3, json.loads(end["output"])), key=lambda line: json.loads(line)["id"])
    check(found == rows, "the results")

    listing = {"Resource": "arn:aws:states:::s3:listObjectsV2",
               "Parameters": {"Bucket": "rows", "Prefix": "many/"}}
    end = server.run(
        definition(listing, ItemSelector={"key.$": "$$.Map.Item.Value.Key"}, ResultWriter=WRITER), {})
    check(end["status"] == "SUCCEEDED", f"a list of 2500 objects {end.get('cause', '')}")
    keys = sorted(json.loads(line)["key"] for line in lines_of(s3, json.loads(end["output"])))
    check(keys == sorted(f"many/{number} ä&" for number in range(2500)), "their keys")

    for key, bucket, text in (
            ("gone", "rows", "The specified key does not exist."),
            ("x", "nobodys", "The specified bucket does not exist")):
        reader = {**GET_JSONL, "Parameters": {"Bucket": bucket, "Key": key}}
        end = server.run(definition(reader), {})
        check((end["error"], end["cause"]) == ("States.ItemReaderFailed", text), f"{bucket}/{key}")
    writer = {**WRITER, "Parameters": {"Bucket": "nobodys", "Prefix": "out"}}
    end = server.run(definition(GET_JSONL, ResultWriter=writer), {"key": "small.jsonl"})
    check(end["error"] == "States.ResultWriterFailed", "results for nobody's bucket")


def mapped(program, url, rows):
    with tempfile.TemporaryDirectory() as folder:
        workflow = os.path.join(folder, "echo.json")
        with open(workflow, "w") as file:
            json.dump({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, file)
        for key in ("large ü+.jsonl", "large.jsonl.gz"):
            done = subprocess.run(
                [program, "map", workflow, f"s3://rows/{key}", "--bare", "--ordered", "--quiet",
                 "--endpoint", f"s3={url}"], capture_output=True, text=True, check=False)
            check(done.returncode == 0 and done.stdout.splitlines() == rows, f"stepmill map over {key}")


def dying(moto, url):
    """An S3 that dies while its object is read."""
    server = Machines(url)
    machine = server.client.create_state_machine(
        name="dying", definition=definition({**GET_JSONL, "Parameters": {"Bucket": "rows", "Key": "large ü+.jsonl"}},
                                            ToleratedFailurePercentage=100),
        roleArn=ROLE)["stateMachineArn"]
    moto.process.kill()
    moto.process.wait()
    arn = server.client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    for _ in range(1200):
        end = server.client.describe_execution(executionArn=arn)
        if end["status"] != "RUNNING":
            break
        time.sleep(0.1)
    check(
        end.get("error") == "States.ItemReaderFailed" and "Unable to execute HTTP request" in end["cause"],
        f"nobody at the other end ({end.get('cause')})")


def main():
    chosen = arguments()
    if not MotoServer.is_installed():
        print("skipped: moto is not installed")
        return
    program = built_program(chosen.program)
    moto = MotoServer()
    s3 = boto3.client(
        "s3", endpoint_url=moto.url, region_name=REGION, aws_access_key_id="test",
        aws_secret_access_key="test")
    s3.create_bucket(Bucket="rows", CreateBucketConfiguration={"LocationConstraint": REGION})
    rows = [json.dumps({"id": number, "text": "x" * 200}, separators=(",", ":"))
            for number in range(chosen.rows)]
    body = "".join(row + "\n" for row in rows).encode()
    s3.put_object(Bucket="rows", Key="large ü+.jsonl", Body=body)
    s3.put_object(Bucket="rows", Key="large.jsonl.gz", Body=gzip.compress(body, 1))
    s3.put_object(Bucket="rows", Key="small.jsonl", Body=b"1\n2\n")
    for number in range(2500):
        s3.put_object(Bucket="rows", Key=f"many/{number} ä&", Body=b"")
    print(f"{len(body)} bytes of rows")
    server = StepmillServer(program, ["--endpoint", f"s3={moto.url}", "--region", REGION])
    try:
        served(s3, server.url, rows)
        left = s3.list_multipart_uploads(Bucket="rows").get("Uploads", [])
        check(not left, "no upload is left open")
        mapped(program, moto.url, rows)
        dying(moto, server.url)
        with open(f"/proc/{server.process.pid}/status") as file:
            print(next(line.strip() for line in file if line.startswith("VmHWM")))
    finally:
        moto.stop()
        code = server.stop()
    check(code == 0, "the server's end")


if __name__ == "__main__":
    main()
