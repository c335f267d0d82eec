# SPDX-License-Identifier: Apache-2.0
"""boto3 finds the daemon. botocore before 1.31 (Debian 12 has 1.29) does not know
AWS_ENDPOINT_URL, so its clients would look for AWS itself. When such a one is imported its
create_client() gets the endpoint from the environment, as newer ones do: first
AWS_ENDPOINT_URL_<SERVICE>, then AWS_ENDPOINT_URL. An endpoint that the caller names wins.
"""
import os
import sys

MODULE = "botocore.session"
FIRST_THAT_KNOWS = (1, 31)


def endpoint(service):
    name = service.upper().replace("-", "_").replace(" ", "_")
    return os.environ.get(f"AWS_ENDPOINT_URL_{name}") or os.environ.get("AWS_ENDPOINT_URL")


def teach(module):
    """Wraps Session.create_client of a botocore.session that needs it."""
    import botocore

    version = tuple(int(part) for part in botocore.__version__.split(".")[:2])
    if version >= FIRST_THAT_KNOWS:
        return
    create_client = module.Session.create_client

    def create_client_here(self, service_name, *arguments, **keywords):
        # endpoint_url is the fifth parameter behind the service's name.
        if len(arguments) < 5 and not keywords.get("endpoint_url"):
            keywords["endpoint_url"] = endpoint(service_name)
        return create_client(self, service_name, *arguments, **keywords)

    module.Session.create_client = create_client_here


class Finder:
    """Steps in once, when botocore.session is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_teach(module):
                execute(module)
                teach(module)

            spec.loader.exec_module = execute_and_teach
        return spec


def install():
    if os.environ.get("AWS_ENDPOINT_URL"):
        sys.meta_path.insert(0, Finder())
