# SPDX-License-Identifier: Apache-2.0
"""Deployment packages of an attacker: each is refused with its reason, and nothing of it is
left anywhere; what was deployed before still answers."""
import io
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import botocore.exceptions
import pytest
from evoke_daemon import ROOT, make_zip
from hostile_zips import BOMBS

CORPUS = sorted((ROOT / "tests/fuzz/corpus/zip").glob("bad-*.zip"))
# Archives that their own projects keep because they are wrong, or lead out.
GO = ["comment-truncated.zip", "dupdir.zip", "gophercolor16x16.png", "readme.notzip", "symlink.zip",
      "test-badbase.zip", "test-baddirsz.zip", "test-prefix.zip", "test-trailing-junk.zip"]
PYTHON = ["zipdir_backslash.zip", "exe_with_zip", "exe_with_z64", "recursion.tar"]
GOOD = {"main.py": "def handler(event, context):\n    return 'good'\n"}


def go_testdata():
    roots = list(pathlib.Path("/usr/share").glob("go-*"))
    if shutil.which("go"):
        roots.append(pathlib.Path(subprocess.run(["go", "env", "GOROOT"], capture_output=True,
                                                 text=True, check=False).stdout.strip()))
    return [root / "src/archive/zip/testdata" for root in roots]


def python_testdata():
    return [folder for root in ("/usr/lib", os.path.expanduser("~/.pyenv/versions"))
            for folder in pathlib.Path(root).glob("**/test/archivetestdata")]


def files_of(folders, names):
    """The wanted files of the first folder that has them all."""
    for folder in folders:
        if all((folder / name).exists() for name in names):
            return [folder / name for name in names]
    return pytest.skip(f"no {names[0]} on this machine")


def what_is_there(daemon):
    """Every path that a package could have made: in the data folder, beside and above it, in
    the folders that absolute and relative escapes name."""
    found = {str(path) for kept in ("code", "zip", "staging") for path in
             (daemon.data / kept).rglob("*")}
    for folder in [*daemon.data.parents, pathlib.Path.cwd(), pathlib.Path("/etc"),
                   pathlib.Path("/tmp")]:
        found |= {str(folder / name) for name in os.listdir(folder) if "evil" in name}
    found |= {str(path) for path in daemon.data.parent.iterdir()}
    return found


@pytest.fixture(scope="module")
def client(daemon):
    daemon.create("f", GOOD)
    return daemon.boto("lambda")


def refusals(client, archive):
    """The messages of both actions that take a package."""
    role = "arn:aws:iam::000000000000:role/r"
    for call in (lambda: client.create_function(FunctionName="new", Role=role, Handler="main.handler",
                                                Runtime="python3.11", Code={"ZipFile": archive}),
                 lambda: client.update_function_code(FunctionName="f", ZipFile=archive)):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            call()
        answer = caught.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400, answer
        assert answer["Error"]["Code"] == "InvalidParameterValueException", answer
        yield answer["Error"]["Message"]


def check_all_refused(daemon, client, archives):
    before, count = what_is_there(daemon), 0
    for name, archive in archives:
        for message in refusals(client, archive):
            assert len(message) > 20, (name, message)
            count += 1
        assert what_is_there(daemon) == before, name
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="new")
    assert daemon.invoke("f")[0] == "good"
    return count


def test_every_malicious_archive_is_refused_and_leaves_nothing(daemon, client):
    assert check_all_refused(daemon, client, ((f.name, f.read_bytes()) for f in CORPUS)) >= 2 * 141


@pytest.mark.parametrize("folders, names", [(go_testdata(), GO), (python_testdata(), PYTHON)],
                         ids=["go", "cpython"])
def test_the_broken_archives_of_others_are_refused(daemon, client, folders, names):
    files = files_of(folders, names)
    count = check_all_refused(daemon, client, ((f.name, f.read_bytes()) for f in files))
    assert count == 2 * len(names)


@pytest.mark.unsanitized
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_next_to_nothing(daemon, client, name):
    archive = BOMBS[name]()
    before = daemon.cost(reset_peak=True)
    assert check_all_refused(daemon, client, [(name, archive)]) == 2
    after = daemon.cost()
    upload = 4 * len(archive)  # as it came, its base64, decoded
    assert after["cpu_s"] - before["cpu_s"] <= 2 * 0.1 + 0.05
    assert after["peak_bytes"] - before["rss_bytes"] <= (8 << 20) + upload


def test_no_file_escapes_while_folders_are_swapped_for_links(daemon, client, tmp_path):
    """Someone with the daemon's own rights replaces folders of a package that is being
    unpacked by links. A deployment may fail; nothing is written through a link. (10,000 such
    races are in tests/unit/engine/package_test.c.)"""
    outside, deployments = tmp_path / "outside", 0
    outside.mkdir()
    # Each folder comes up four times, so that most of them are met again after the swap.
    files = {f"d{n}/e/{k}": "" for k in range(4) for n in range(100)}
    swapper = subprocess.Popen([sys.executable, ROOT / "tests/support/swap_folders.py",
                                daemon.data / "staging", outside, "200"])
    try:
        while swapper.poll() is None:
            deployments += 1
            files["number"] = str(deployments)  # what is stored already is not unpacked again
            try:
                client.update_function_code(FunctionName="f", ZipFile=make_zip(files))
            except botocore.exceptions.ClientError:
                pass
    finally:
        swapper.kill()
        swapper.wait()
    assert swapper.returncode == 0
    assert not list(outside.rglob("*")), deployments
