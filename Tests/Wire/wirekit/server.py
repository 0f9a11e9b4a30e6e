"""Starts programs that listen on loopback, and finds out where."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def conformance_directory():
    """STEPMILL_CONFORMANCE, else `../shared/conformance` beside the package."""
    return os.environ.get("STEPMILL_CONFORMANCE") or os.path.join(ROOT, "..", "shared", "conformance")


def built_program(given=None):
    """The `stepmill` to test: the one named, else the one that was built last."""
    places = [given] if given else [
        os.path.join(ROOT, ".build", kind, "stepmill") for kind in ("release", "debug")]
    there = [place for place in places if os.access(place, os.X_OK)]
    if not there:
        sys.exit(f"there is no program at {' or '.join(places)}: 'swift build --product stepmill' makes one")
    return max(there, key=os.path.getmtime)


class StepmillServer:
    """A `stepmill serve` on a port that the system chose, and what it writes to standard error."""

    def __init__(self, program, options=(), environment=None, port=0):
        self.program, self.options = program, list(options)
        self.environment = {**os.environ, **(environment or {})}
        self.log = tempfile.NamedTemporaryFile(prefix="stepmill-serve-", suffix=".log", delete=False)
        self.port = port
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "serve", "--port", str(self.port), *self.options], env=self.environment,
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://[\d.]+:(\d+)", line)
        if not found:
            self.process.wait()
            sys.exit(f"the server did not start:\n{self.errors()}")
        self.url, self.port = found.group(0), int(found.group(1))

    def errors(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def kill(self):
        """As kill -9 does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Asks it to end; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        os.unlink(self.log.name)
        return code

    @staticmethod
    def offers(program, option):
        help_text = subprocess.run(
            [program, "serve", "--help"], capture_output=True, text=True, check=False).stdout
        return re.search(rf"^\s*{re.escape(option)}\b", help_text, re.M) is not None


class MotoServer:
    """Stands in for AWS's other services, where moto is installed."""

    @staticmethod
    def is_installed():
        try:
            import moto.server  # noqa: F401
        except ImportError:
            return False
        return True

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=1).read()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        sys.exit("moto's server does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()
