# SPDX-License-Identifier: Apache-2.0
"""Loads a handler and gives it events, with the conventions of AWS Lambda's Python runtime.

Events come by the ring (the module _evoke_ring) when the daemon offers one, else from the
Lambda Runtime API.
"""

import importlib
import os
import sys

import _evoke_json
import _evoke_log
import _evoke_sdk
from _evoke_context import LambdaContext

RUNTIME_DIR = os.path.dirname(os.path.abspath(__file__))


class Fault(Exception):
    """A failure that is not an exception of the function's own code."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace or []


# --- loading ---


def load_handler(name):
    """The callable that "module.function" or "folder/module.function" names."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    module = import_module(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound",
            f"Handler '{function_name}' missing on module '{module_name}'",
        ) from None


def import_module(name):
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", f"Unable to import module '{name}': {error}"
        ) from None
    except SyntaxError as error:
        raise Fault(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{name}': {error}",
            [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'],
        ) from None


def set_paths():
    """The function's own modules first, the runtime's last."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    layers = [f"/opt/python/lib/{version}/site-packages", "/opt/python"]
    here = [path for path in sys.path if os.path.abspath(path or ".") != RUNTIME_DIR]
    sys.path[:] = [
        os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd(),
        *filter(os.path.isdir, layers),
        *here,
        RUNTIME_DIR,
    ]


# --- errors ---


def error_record(error_type, message, trace, request_id):
    return {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": trace,
    }


def describe(error, request_id=""):
    """What the caller gets for an exception: AWS's four fields, in its order."""
    if isinstance(error, Fault):
        return error_record(error.error_type, str(error), error.trace, request_id)

    import traceback

    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
    while frames and os.path.dirname(frames[0][0]) == RUNTIME_DIR:
        del frames[0]
    return error_record(
        type(error).__name__, str(error), traceback.format_list(frames), request_id
    )


# --- transports ---


class RingTransport:
    """Small bodies by the ring, large ones by the Runtime API. An event that was fetched
    there is answered there."""

    def __init__(self, ring):
        self.ring = ring
        self.arn = os.environ.get("_EVOKE_FUNCTION_ARN")
        self.ready = ring.ready
        self._next = ring.next
        self._api = None
        self._by_api = False

    @property
    def api(self):
        if self._api is None:
            self._api = ApiTransport()
        return self._api

    def next(self):
        event = self._next()
        if event is None:
            self._by_api = True
            return self.api.next()
        payload, request_id, deadline_ms, client_context = event
        return payload, LambdaContext(request_id, deadline_ms, self.arn, client_context)

    def respond(self, request_id, answer, content_type):
        if self._by_api or not self.ring.respond(answer):
            self.api.respond(request_id, answer, content_type)
            self._close()

    def fail(self, request_id, error, error_type):
        if self._by_api or not self.ring.fail(error, error_type):
            self.api.fail(request_id, error, error_type)
            self._close()

    def init_error(self, error, error_type):
        if not self.ring.init_error(error, error_type):
            self.api.init_error(error, error_type)

    def _close(self):
        self._by_api = False
        self.ring.answered_by_api()


class ApiTransport:
    """The Lambda Runtime API, on one kept connection."""

    def __init__(self):
        import _evoke_api

        self._client = _evoke_api.Client(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def ready(self):
        """Asking for the first event says so."""

    def next(self):
        headers, payload = self._client.next()
        set_trace(headers.get("Lambda-Runtime-Trace-Id"))
        context = LambdaContext(
            headers.get("Lambda-Runtime-Aws-Request-Id"),
            int(headers.get("Lambda-Runtime-Deadline-Ms") or 0),
            headers.get("Lambda-Runtime-Invoked-Function-Arn"),
            headers.get("Lambda-Runtime-Client-Context"),
            headers.get("Lambda-Runtime-Cognito-Identity"),
            headers.get("Lambda-Runtime-Aws-Tenant-Id"),
        )
        return payload, context

    def respond(self, request_id, answer, content_type):
        self._client.post(f"invocation/{request_id}/response", answer, content_type)

    def fail(self, request_id, error, error_type):
        self._client.post(f"invocation/{request_id}/error", error, error_type=error_type)

    def init_error(self, error, error_type):
        self._client.post("init/error", error, error_type=error_type)


def set_trace(trace):
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def open_ring():
    """The ring's module, attached; None when there is none to use."""
    os.environ.pop("_EVOKE_API_SOCKET", None)
    if os.environ.pop("_EVOKE_RING", None) != "1":
        return None
    try:
        import _evoke_ring

        _evoke_ring.attach(os.environ._data)
        return _evoke_ring
    except (ImportError, OSError, AttributeError) as error:
        print(f"evoke: the ring is not used, the Runtime API is: {error}", file=sys.stderr)
        return None


# --- running ---


def load(transport):
    """The handler; when there is none, says why to the log and the daemon, and exits."""
    try:
        return load_handler(os.environ.get("_HANDLER", ""))
    except Exception as error:
        record = describe(error)
    _evoke_log.log_error(record)
    sys.stdout.flush()
    transport.init_error(_evoke_json.dumps(record), record["errorType"])
    sys.exit(1)


def invoke(handler, payload, context):
    """The answer and its content type."""
    try:
        event = _evoke_json.loads(payload)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
    try:
        context.parse()
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", str(error)) from None

    answer = handler(event, context)
    if isinstance(answer, bytes):
        return answer, "application/unknown"
    try:
        return _evoke_json.dumps(answer), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def serve(transport, handler):
    while True:
        payload, context = transport.next()
        _evoke_log.request_id = request_id = context.aws_request_id
        try:
            answer, content_type = invoke(handler, payload, context)
        except Exception as error:
            record = describe(error, request_id)
            _evoke_log.log_error(record)
            transport.fail(request_id, _evoke_json.dumps(record), record["errorType"])
        else:
            transport.respond(request_id, answer, content_type)


def main():
    ring = open_ring()
    _evoke_log.capture(ring)
    transport = RingTransport(ring) if ring else ApiTransport()
    set_paths()
    _evoke_log.set_up_logging()
    _evoke_sdk.install()
    handler = load(transport)
    transport.ready()
    serve(transport, handler)
