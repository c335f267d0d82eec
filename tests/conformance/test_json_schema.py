# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema Test Suite (2020-12), as PyPI's jsonschema ships it in its source: each schema
that is taken judges each value as the suite says. Skipped where the package cannot be had; kept in
~/.cache/evoke-clients (EVOKE_CLIENT_CACHE)."""
import json
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

import evoke_daemon

PRINT = evoke_daemon.BUILD / "tests" / "conformance" / "shape_print"
CACHE = pathlib.Path(os.environ.get("EVOKE_CLIENT_CACHE",
                                    pathlib.Path.home() / ".cache" / "evoke-clients"))
VERSION = "4.26.0"

# What is not of our vocabulary is refused when a schema is compiled, and said so in
# docs/content-filter.md: other documents, dynamic references, "unevaluated...".
REFUSED = {"dynamicRef", "refRemote", "unevaluatedItems", "unevaluatedProperties", "vocabulary"}
# In the standard a format is a note unless it is asked for; here it is asked for.
NOTES = {"format", "content"}
FORMATS = {"date-time", "date", "time", "email", "hostname", "ipv4", "ipv6", "uri",
           "uri-reference", "uuid", "json-pointer"}

pytestmark = pytest.mark.skipif(not PRINT.exists(), reason=f"{PRINT} is not built")


@pytest.fixture(scope="module", name="suite")
def the_suite():
    folder = CACHE / f"jsonschema-{VERSION}"
    tests = folder / "json" / "tests" / "draft2020-12"
    if tests.exists():
        return tests
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
               "--no-binary", "jsonschema", "-d", CACHE, f"jsonschema=={VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        pytest.skip(f"jsonschema cannot be had: {err}")
    archive = CACHE / f"jsonschema-{VERSION}.tar.gz"
    if not archive.exists():
        pytest.skip(f"jsonschema cannot be had: {done.stderr.strip()[-200:]}")
    with tarfile.open(archive) as source:
        source.extractall(CACHE)
    archive.unlink()
    return tests


def ask(groups):
    """A line of the answer for each group of the suite."""
    lines = "".join(json.dumps([group["schema"]] + [test["data"] for test in group["tests"]])
                    + "\n" for group in groups)
    done = subprocess.run([PRINT], input=lines, capture_output=True, text=True, check=True,
                          timeout=100)
    answers = done.stdout.splitlines()
    assert len(answers) == len(groups)
    return answers


def differences(path):
    groups = json.loads(path.read_text())
    for group, answer in zip(groups, ask(groups)):
        if answer.startswith("refused"):
            yield f"{path.stem}: {group['description']}: {answer}"
            continue
        for test, word in zip(group["tests"], answer.split(), strict=True):
            if (word == "yes") != test["valid"]:
                yield f"{path.stem}: {group['description']}: {test['description']}: {word}"


# Refused as well: a reference to another document, or by the name ("$id") of a part of this one.
ELSEWHERE = "must be a reference within the document"
UNEVALUATED = "Properties' is not supported"


def test_a_schema_judges_as_the_suite_says(suite):
    asked, wrong = 0, []
    for path in sorted(suite.glob("*.json")):
        if path.stem in REFUSED | NOTES:
            continue
        asked += sum(len(group["tests"]) for group in json.loads(path.read_text()))
        wrong += [one for one in differences(path)
                  if ELSEWHERE not in one and UNEVALUATED not in one]
    print(f"\n{asked} values")
    assert asked > 800
    assert not wrong, "\n".join(wrong)


def test_what_is_not_taken_is_refused_rather_than_ignored(suite):
    for stem in ("unevaluatedItems", "unevaluatedProperties", "dynamicRef"):
        groups = json.loads((suite / f"{stem}.json").read_text())
        word = "unevaluated" if stem.startswith("unevaluated") else "$dynamicRef"
        for group, answer in zip(groups, ask(groups)):
            if f'"{word}' in json.dumps(group["schema"]) and group["schema"].get("$ref") is None:
                assert answer.startswith("refused"), f"{stem}: {group['description']}: {answer}"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_is_checked_as_the_suite_says(suite, name):
    path = suite / "optional" / "format" / f"{name}.json"
    assert not list(differences(path))
