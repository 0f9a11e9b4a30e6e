"""Lambda's API on loopback, with functions that do what a case says."""

import http.server
import threading
import time
import urllib.parse

from .text import compact, parse, parsed_or_none, spaced

REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


class FunctionStub:
    """Answers `POST /2015-03-31/functions/NAME/invocations`, and `POST /NAME` likewise."""

    def __init__(self, port=0):
        self.behaviours = {}
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                stub.answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def define(self, name, behaviour):
        self.behaviours[name] = behaviour

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        payload = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        parts = [urllib.parse.unquote(part) for part in request.path.split("?")[0].split("/") if part]
        named = parts[2] if len(parts) > 2 and parts[1] == "functions" else parts[-1] if parts else ""
        # By its name or an ARN, with or without a qualifier.
        pieces = named.split(":")
        name = pieces[pieces.index("function") + 1] if "function" in pieces else pieces[0]
        behaviour = self.behaviours.get(name)
        if behaviour is None:
            body = compact({"Type": "User", "Message": f"Function not found: {named}"}).encode()
            return self._send(request, 404, body, {"x-amzn-ErrorType": "ResourceNotFoundException"})
        kind, headers = behaviour.get("behaviour"), {"X-Amz-Executed-Version": "$LATEST"}
        if kind == "fixed":
            body = compact(behaviour.get("payload")).encode()
        elif kind == "fixed_raw":
            repeat = behaviour.get("raw_repeat", {})
            body = behaviour.get("raw", repeat.get("text", "") * repeat.get("times", 0)).encode()
        elif kind == "raise":
            what = dict(behaviour.get("payload", {}))
            if "requestId" in what:
                what["requestId"] = REQUEST_ID
            body = spaced(what).encode()
            headers["X-Amz-Function-Error"] = "Unhandled"
        elif kind == "sleep_then_echo":
            time.sleep(float(behaviour.get("seconds", 0)))
            body = payload
        elif kind == "canned":
            given = parsed_or_none(payload.decode())
            fitting = (each for each in behaviour["responses"] if each["input"] == given)
            body = compact(next(fitting, {}).get("payload")).encode()
        else:
            body = payload
        self._send(request, 200, body, headers)

    @staticmethod
    def _send(request, status, body, headers):
        try:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Type", "application/json")
            request.send_header("x-amzn-RequestId", REQUEST_ID)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            # The execution was over before its function was.
            request.close_connection = True
