"""boto3 clients as anybody makes them, and the world that cases run in."""

import datetime
import threading

import boto3
import botocore.exceptions
from botocore.config import Config

ACCOUNT = "123456789012"
REGION = "us-east-1"


class World:
    """A server and what surrounds it. Clients are made once per service and account."""

    def __init__(self, url, functions=None, services_url=None):
        self.url, self.functions, self.services_url = url, functions, services_url
        self.session = boto3.session.Session()
        self.lock = threading.Lock()
        self.clients = {}

    def client(self, service, account=ACCOUNT, validates=True):
        key = (service, account, validates)
        with self.lock:
            if key not in self.clients:
                self.clients[key] = self._make(service, account, validates)
            return self.clients[key]

    def _make(self, service, account, validates):
        # The address is a number here, which has no `sync-` in front of it.
        config = Config(
            inject_host_prefix=False, parameter_validation=validates, max_pool_connections=32,
            connect_timeout=10, read_timeout=70, retries={"max_attempts": 0, "mode": "standard"},
            s3={"addressing_style": "path"})
        own = service == "stepfunctions"
        return self.session.client(
            service, region_name=REGION, endpoint_url=self.url if own else self.services_url,
            aws_access_key_id=account if own else "test", aws_secret_access_key="test", config=config)

    def forget(self, account):
        """Closes what a case has opened."""
        with self.lock:
            keys = [key for key in self.clients if key[1] == account and account != ACCOUNT]
            clients = [self.clients.pop(key) for key in keys]
        for client in clients:
            client.close()

    def call(self, service, operation, parameters, account=ACCOUNT):
        """An answer as plain JSON, or an error as `Failure`."""
        method = _method(operation)
        for validates in (True, False):
            client = self.client(service, account, validates)
            try:
                answer = getattr(client, method)(**parameters)
            except botocore.exceptions.ParamValidationError:
                # The service's own refusal was recorded, so the client's check is switched off.
                if validates:
                    continue
                raise
            except botocore.exceptions.ClientError as error:
                told = error.response["Error"]
                return Failure(told.get("Code", ""), told.get("Message"), error.response)
            answer.pop("ResponseMetadata", None)
            return _plain(answer)
        raise AssertionError("unreachable")


class Failure:
    """A service's error."""

    def __init__(self, code, message, response):
        self.code, self.message, self.response = code, message, response

    def __str__(self):
        return f"{self.code}: {self.message}"


def _method(operation):
    name = ""
    for index, letter in enumerate(operation):
        if letter.isupper() and index and (
                not operation[index - 1].isupper()
                or index + 1 < len(operation) and operation[index + 1].islower()):
            name += "_"
        name += letter.lower()
    return name


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value.read().decode() if hasattr(value, "read") else value
