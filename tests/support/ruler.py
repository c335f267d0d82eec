# SPDX-License-Identifier: Apache-2.0
"""AWS's own matcher, event-ruler, as a peer: its jars from Maven and our Java beside it, kept
below $EVOKE_CLIENT_CACHE (default ~/.cache/evoke-clients)."""
import os
import pathlib
import shutil
import subprocess

VERSION = "2.0.1"
ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("EVOKE_CLIENT_CACHE", "~/.cache/evoke-clients")).expanduser()
KEPT = CACHE / f"event-ruler-{VERSION}"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>evoke</groupId><artifactId>peer</artifactId>
<version>1</version><dependencies><dependency><groupId>software.amazon.event.ruler</groupId>
<artifactId>event-ruler</artifactId><version>{VERSION}</version></dependency></dependencies>
</project>
"""


class Missing(Exception):
    """Why event-ruler cannot be had here."""


def _fetch():
    if (KEPT / "lib").exists():
        return
    if not shutil.which("mvn"):
        raise Missing("event-ruler is not there, and no Maven to fetch it with")
    work = KEPT.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "pom.xml").write_text(POM)
    fetched = subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies",
                              "-DoutputDirectory=lib"], cwd=work, capture_output=True, text=True,
                             timeout=300, check=False)
    if fetched.returncode:
        raise Missing(f"Maven cannot fetch event-ruler: {fetched.stdout.strip()[-300:]}")
    work.rename(KEPT)


def command(source, classes):
    """The command that runs a Java file of ours with event-ruler; classes is a folder for what
    is compiled."""
    if not shutil.which("javac"):
        raise Missing("no Java compiler")
    _fetch()
    source = ROOT / source
    subprocess.run(["javac", "-nowarn", "-cp", f"{KEPT}/lib/*", "-d", classes, source], check=True,
                   capture_output=True, timeout=120)
    return ["java", "-XX:+UseSerialGC", "-cp", f"{KEPT}/lib/*:{classes}", source.stem]
