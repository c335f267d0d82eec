# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import instance as instances  # noqa: E402


def pytest_collection_modifyitems(items):
    if instances.RUNTIMES is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no build folder holds the runtimes"))


@pytest.fixture(params=["ring", "api"])
def transport(request):
    return request.param


@pytest.fixture
def launch(tmp_path):
    """launch(command, handler=..., transport=..., files={name: text}, env={...}); wait=False
    for one that is not expected to become ready."""
    started = []

    def launch(command, files=None, wait=True, **options):
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        started.append(instances.Instance(command, tmp_path, **options))
        return started[-1].start() if wait else started[-1]

    yield launch
    for one in started:
        one.close()


@pytest.fixture
def python(launch):
    """python(code, handler="main.handler", ...): an instance of main.py."""

    def start(code, handler="main.handler", files=None, transport="ring", **options):
        if transport == "ring" and not (instances.RUNTIMES / "python/_evoke_ring.abi3.so").exists():
            pytest.skip("the Python extension was not built")
        command = ["/usr/bin/python3", str(instances.RUNTIMES / "python/bootstrap.py")]
        all_files = {"main.py": code, **(files or {})}
        return launch(command, all_files, handler=handler, transport=transport, **options)

    return start


@pytest.fixture
def node(launch):
    """node(code, handler="index.handler", ...): an instance of index.js."""

    def start(code, handler="index.handler", files=None, transport="ring", **options):
        if not os.path.exists("/usr/bin/node"):
            pytest.skip("there is no /usr/bin/node")
        if transport == "ring" and not (instances.RUNTIMES / "nodejs/ring.node").exists():
            pytest.skip("the Node addon was not built")
        command = ["/usr/bin/node", str(instances.RUNTIMES / "nodejs/bootstrap.mjs")]
        all_files = {**({"index.js": code} if code is not None else {}), **(files or {})}
        return launch(command, all_files, handler=handler, transport=transport, **options)

    return start


@pytest.fixture
def c(launch, tmp_path):
    """c(code, ...): an instance of a handler in C, linked statically."""

    def start(code, **options):
        folder = instances.RUNTIMES / "c"
        source, program = tmp_path / "main.c", tmp_path / "bootstrap"
        source.write_text(code)
        subprocess.run(
            ["cc", "-O1", "-Wall", "-Werror", "-static", f"-I{folder}", source,
             folder / "libevoke.a", "-o", program],
            check=True,
        )
        return launch([str(program)], **options)

    return start
