#!/usr/bin/env python3
"""What Terraform's `aws_sfn_state_machine` calls, in its order, as a contract test.

Plan: ValidateStateMachineDefinition. Create: CreateStateMachine, then DescribeStateMachine,
ListStateMachineVersions and ListTagsForResource. Update: UpdateStateMachine, then
DescribeStateMachine until everything reads back as sent; tags apart. Delete: DeleteStateMachine,
then DescribeStateMachine until StateMachineDoesNotExist.
"""

import argparse
import json
import sys
import time

from wirekit.server import StepmillServer, built_program
from wirekit.world import World

ROLE = "arn:aws:iam::123456789012:role/states"
LOGS = "arn:aws:logs:us-east-1:123456789012:log-group:/states/orders:*"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f0e0d0c-0b0a-4908-8706-050403020100"


def definition(seconds):
    """As `jsonencode` writes it: members sorted, no blanks."""
    return json.dumps({
        "Comment": "from Terraform", "StartAt": "Wait",
        "States": {"Wait": {"End": True, "Seconds": seconds, "Type": "Wait"}}},
        sort_keys=True, separators=(",", ":"))


class Terraform:
    """The provider's calls. Checks are assertions."""

    def __init__(self, client):
        self.client = client
        self.calls = 0

    def __getattr__(self, name):
        def call(**parameters):
            self.calls += 1
            return getattr(self.client, name)(**parameters)

        return call

    def plan(self, text, kind):
        answer = self.validate_state_machine_definition(definition=text, type=kind)
        assert answer["result"] == "OK" and answer["diagnostics"] == [], answer

    def create(self, **wanted):
        self.plan(wanted["definition"], wanted["type"])
        for _ in range(20):
            try:
                made = self.create_state_machine(**wanted)
                break
            except (self.client.exceptions.StateMachineDeleting, ) as error:
                assert "is being deleted" in str(error)
                time.sleep(0.2)
        else:
            raise AssertionError("the deleted machine never went away")
        return made["stateMachineArn"], made.get("stateMachineVersionArn")

    def read(self, arn):
        """What goes into Terraform's state."""
        found = self.describe_state_machine(stateMachineArn=arn)
        versions = self.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
        tags = self.list_tags_for_resource(resourceArn=arn)["tags"]
        return found, [each["stateMachineVersionArn"] for each in versions], tags

    def update(self, arn, **wanted):
        answer = self.update_state_machine(stateMachineArn=arn, **wanted)
        for _ in range(50):
            found = self.describe_state_machine(stateMachineArn=arn)
            if all(self.same(key, value, found.get(key)) for key, value in wanted.items()
                   if key not in ("publish", "versionDescription")):
                return answer
            time.sleep(0.1)
        raise AssertionError(f"an update does not read back: sent {wanted}, found {found}")

    @staticmethod
    def same(key, wanted, found):
        return json.loads(wanted) == json.loads(found) if key == "definition" else wanted == found

    def delete(self, arn):
        self.delete_state_machine(stateMachineArn=arn)
        for _ in range(100):
            try:
                assert self.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
            except self.client.exceptions.StateMachineDoesNotExist:
                return
            time.sleep(0.1)
        raise AssertionError("the machine is still there")


def standard(terraform):
    """A Standard machine through its life: everything that can be set, changed and read back."""
    arn, version = terraform.create(
        name="orders", definition=definition(1), roleArn=ROLE, type="STANDARD", publish=True,
        versionDescription="first", tags=[{"key": "team", "value": "orders"}],
        loggingConfiguration={"level": "OFF", "includeExecutionData": False},
        tracingConfiguration={"enabled": False}, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    assert arn.endswith(":stateMachine:orders") and version == f"{arn}:1"
    found, versions, tags = terraform.read(arn)
    assert found["status"] == "ACTIVE" and found["type"] == "STANDARD" and found["name"] == "orders"
    assert found["definition"] == definition(1) and found["roleArn"] == ROLE
    assert "revisionId" not in found
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert versions == [version] and tags == [{"key": "team", "value": "orders"}]

    answer = terraform.update(
        arn, definition=definition(2), roleArn=ROLE + "2", publish=True, versionDescription="second",
        loggingConfiguration={
            "level": "ALL", "includeExecutionData": True,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": LOGS}}]},
        tracingConfiguration={"enabled": True},
        encryptionConfiguration={
            "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": KEY, "kmsDataKeyReusePeriodSeconds": 300})
    assert answer["stateMachineVersionArn"] == f"{arn}:2" and answer["revisionId"]
    found, versions, _ = terraform.read(arn)
    assert versions == [f"{arn}:2", f"{arn}:1"] and found["revisionId"] == answer["revisionId"]
    # The next plan finds nothing to do, and an apply of the same changes nothing.
    again = terraform.update(arn, definition=definition(2), roleArn=ROLE + "2")
    assert again["revisionId"] == answer["revisionId"] and again["updateDate"] == answer["updateDate"]

    terraform.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "test"}])
    terraform.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert terraform.read(arn)[2] == [{"key": "stage", "value": "test"}]

    # Removing logging and the key again, as Terraform does when their blocks go.
    terraform.update(
        arn, loggingConfiguration={"level": "OFF", "includeExecutionData": False},
        tracingConfiguration={"enabled": False}, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    # `terraform import` reads by the ARN alone.
    assert terraform.read(arn)[0]["stateMachineArn"] == arn
    return arn


def replaced(terraform, arn):
    """Another type forces a replacement: destroy, then create under the same name while an
    execution of the old one still runs."""
    terraform.start_execution(stateMachineArn=arn, name="last")
    terraform.delete_state_machine(stateMachineArn=arn)
    assert terraform.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
    arn, version = terraform.create(name="orders", definition=definition(0), roleArn=ROLE, type="EXPRESS")
    assert version is None
    found, versions, tags = terraform.read(arn)
    assert found["type"] == "EXPRESS" and versions == [] and tags == []
    terraform.delete(arn)
    # What is gone already is as good as deleted.
    terraform.delete(arn)


def refused(terraform):
    """A plan with a wrong definition is refused with the reason."""
    answer = terraform.validate_state_machine_definition(definition='{"StartAt":"A","States":{}}')
    assert answer["result"] == "FAIL" and answer["diagnostics"][0]["code"] == "SCHEMA_VALIDATION_FAILED"


def aliases(terraform):
    """`aws_sfn_alias`, which stands on versions."""
    arn, version = terraform.create(
        name="aliased", definition=definition(1), roleArn=ROLE, type="STANDARD", publish=True)
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = terraform.create_state_machine_alias(
        name="live", description="d", routingConfiguration=routing)["stateMachineAliasArn"]
    found = terraform.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert found["name"] == "live" and found["routingConfiguration"] == routing
    terraform.update_state_machine_alias(stateMachineAliasArn=alias, description="e", routingConfiguration=routing)
    assert terraform.describe_state_machine_alias(stateMachineAliasArn=alias)["description"] == "e"
    terraform.delete_state_machine_alias(stateMachineAliasArn=alias)
    try:
        terraform.describe_state_machine_alias(stateMachineAliasArn=alias)
        raise AssertionError("the alias is still there")
    except terraform.client.exceptions.ResourceNotFound:
        pass
    terraform.delete(arn)


def activities(terraform):
    """`aws_sfn_activity`."""
    arn = terraform.create_activity(name="pick", tags=[{"key": "a", "value": "b"}])["activityArn"]
    assert terraform.describe_activity(activityArn=arn)["name"] == "pick"
    assert terraform.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    terraform.delete_activity(activityArn=arn)
    try:
        terraform.describe_activity(activityArn=arn)
        raise AssertionError("the activity is still there")
    except terraform.client.exceptions.ActivityDoesNotExist:
        pass


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the stepmill to start; default: the one built last")
    server = StepmillServer(built_program(parser.parse_args().program))
    try:
        terraform = Terraform(World(server.url).client("stepfunctions"))
        refused(terraform)
        replaced(terraform, standard(terraform))
        aliases(terraform)
        activities(terraform)
    finally:
        code = server.stop()
    print(f"terraform: {terraform.calls} calls, all as they should be")
    return code


if __name__ == "__main__":
    sys.exit(main())
