# SPDX-License-Identifier: Apache-2.0
"""The context object that a handler gets, with the fields of AWS Lambda's."""

import json
import os
import time


class _Fields:
    """A value with fixed fields, None where the request has none."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Fields):
    __slots__ = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(_Fields):
    __slots__ = ("custom", "env", "client")


def _parse(text, name):
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"Unable to parse {name} JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"Unable to parse {name} JSON: it is not an object")
    return value


class LambdaContext:
    # What is the same for all events of an instance belongs to the class.
    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
    client_context = None
    tenant_id = None
    _identity = None
    _identity_json = None

    def __init__(
        self,
        request_id,
        deadline_ms,
        arn=None,
        client_context_json=None,
        identity_json=None,
        tenant_id=None,
    ):
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self._deadline_ms = deadline_ms
        self._client_context_json = client_context_json
        if identity_json:
            self._identity_json = identity_json
        if tenant_id:
            self.tenant_id = tenant_id

    def parse(self):
        """Reads what came as JSON. ValueError when it is none."""
        if self._client_context_json:
            values = _parse(self._client_context_json, "Client Context")
            self.client_context = ClientContext(values)
            if isinstance(values.get("client"), dict):
                self.client_context.client = Client(values["client"])
        if self._identity_json:
            values = _parse(self._identity_json, "Cognito Identity")
            self._identity = CognitoIdentity(
                {
                    "cognito_identity_id": values.get("cognitoIdentityId"),
                    "cognito_identity_pool_id": values.get("cognitoIdentityPoolId"),
                }
            )

    @property
    def identity(self):
        if self._identity is None:
            self._identity = CognitoIdentity({})
        return self._identity

    def get_remaining_time_in_millis(self):
        left = self._deadline_ms - int(time.time() * 1000)
        return left if left > 0 else 0

    def log(self, message):
        import sys

        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        fields = ",".join(f"{name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}([{fields}])"
