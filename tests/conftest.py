# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests that drive the built daemon from outside.

EVOKE_BUILD names the build folder (default: build). A daemon listens on free ports of
127.0.0.1, has a data folder of its own and is gone after the test.
"""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))

import evoke_daemon  # noqa: E402


@pytest.fixture(scope="module")
def daemon(request, tmp_path_factory):
    """One running daemon for all tests of a file, with the options of its DAEMON_OPTIONS."""
    options = getattr(request.module, "DAEMON_OPTIONS", ())
    running = evoke_daemon.Daemon(tmp_path_factory.mktemp("evoke") / "data", *options)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def make_daemon(tmp_path):
    """Starts daemons with options of the test's own: make_daemon("--shards", "1")."""
    started = []

    def make(*options, data=None, start=True, **keywords):
        made = evoke_daemon.Daemon(data or tmp_path / "data", *options, **keywords)
        started.append(made)
        if start:
            made.start()
        return made

    yield make
    for made in started:
        made.stop()


@pytest.fixture(autouse=True)
def no_hang(request):
    """A test that hangs fails with its stack instead of stopping the run."""
    import faulthandler
    import signal

    def fail(_number, _frame):
        faulthandler.dump_traceback()
        raise TimeoutError("the test took longer than its limit")

    before = signal.signal(signal.SIGALRM, fail)
    limit_s = 3600 if request.node.get_closest_marker("soak") else 300
    signal.alarm(int(os.environ.get("EVOKE_TEST_LIMIT_S", limit_s)))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pytest_collection_modifyitems(items):
    """What measures cost, or repeats long builds, is not run again under sanitizers."""
    if os.environ.get("EVOKE_SANITIZED"):
        skip = pytest.mark.skip(reason="not repeated under sanitizers")
        for item in items:
            if item.get_closest_marker("unsanitized"):
                item.add_marker(skip)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its daemons and their functions wrote last."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed or call.when == "teardown":
        return
    for daemon in list(evoke_daemon.Daemon.made):
        if not daemon.api or daemon.process is None or daemon.process.poll() is not None:
            continue
        report.sections.append((f"log of the daemon at {daemon.data}", daemon.log_text()[-4000:]))
        try:
            report.sections.append(("its functions' logs", daemon.function_logs()[-8000:]))
        except Exception as error:  # the report must not hide the failure it tells about
            report.sections.append(("its functions' logs", f"not to be had: {error!r}"))
