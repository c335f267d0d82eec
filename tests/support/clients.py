# SPDX-License-Identifier: Apache-2.0
"""Functions on the official Lambda runtime clients, built once and kept.

Sources are in tests/clients/LANGUAGE. What is built from them is kept below
$EVOKE_CLIENT_CACHE (default ~/.cache/evoke-clients), one folder a language and client
version, and built again only when the sources changed.
"""
import fcntl
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import urllib.error
import urllib.request
import zipfile

import pytest

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "clients"
CACHE = pathlib.Path(os.environ.get("EVOKE_CLIENT_CACHE", "~/.cache/evoke-clients")).expanduser()
BUILD_LIMIT_S = 1500


class Client:
    """One language: version of its client, tools its build needs, where its registry is.

    error: errorType of a HandlerError raised by the handler. init_error: errorType of a
    failed initialisation, None where the client has none of its own.
    """

    def __init__(self, language, version, *, tools, registry, build, handler, error,
                 init_error=None, **settings):
        self.language, self.version = language, version
        self.tools, self.registry, self._build = tools, registry, build
        self.handler, self.error, self.init_error = handler, error, init_error
        self.settings = settings

    def package(self):
        """The ZIP; built when the cache has none of these sources. Skips the test when a
        tool or the registry is missing."""
        kept = CACHE / f"{self.language}-{self.version}"
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / f"{self.language}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            digest = self._digest()
            stamp, package = kept / "sources.sha256", kept / "package.zip"
            if not (stamp.exists() and stamp.read_text() == digest and package.exists()):
                self._need_tools()
                self._need_registry()
                shutil.rmtree(kept, ignore_errors=True)
                work = kept / "work"
                shutil.copytree(SOURCES / self.language, work)
                package.write_bytes(zip_folder(self._build(work)))
                shutil.rmtree(work)
                stamp.write_text(digest)
            return package.read_bytes()

    def _digest(self):
        hashed = hashlib.sha256()
        for path in sorted((SOURCES / self.language).rglob("*")):
            if path.is_file():
                name = str(path.relative_to(SOURCES)).encode()
                hashed.update(name + b"\0" + path.read_bytes() + b"\0")
        return hashed.hexdigest()

    def _need_tools(self):
        missing = [tool for tool in self.tools if not shutil.which(tool)]
        if missing:
            pytest.skip(f"{self.language} client: not installed: {', '.join(missing)}")

    def _need_registry(self):
        try:
            urllib.request.urlopen(self.registry, timeout=20).close()
        except urllib.error.HTTPError:
            pass  # It answers.
        except OSError as error:
            pytest.skip(f"{self.language} client: {self.registry} is unreachable: {error}")


def go_program(name, package):
    """A Go program that tests need, built once from the versions in tests/clients/NAME."""
    kept = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        versions = (SOURCES / name / "go.sum").read_text()
        program, stamp = kept / name, kept / "go.sum"
        if not (program.exists() and stamp.exists() and stamp.read_text() == versions):
            if not shutil.which("go"):
                pytest.skip(f"{name}: not installed: go")
            try:
                urllib.request.urlopen("https://proxy.golang.org/", timeout=20).close()
            except urllib.error.HTTPError:
                pass  # It answers.
            except OSError as error:
                pytest.skip(f"{name}: the Go proxy is unreachable: {error}")
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(SOURCES / name, kept)
            run(kept, "go", "build", "-mod=mod", "-trimpath", "-o", name, package, CGO_ENABLED="0")
            stamp.write_text(versions)
        return program


def python_packages(name):
    """A folder of Python packages that tests need, made once from tests/clients/NAME."""
    kept = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        versions = (SOURCES / name / "requirements.txt").read_text()
        stamp = kept / "requirements.txt"
        if not (stamp.exists() and stamp.read_text() == versions):
            try:
                urllib.request.urlopen("https://pypi.org/simple/", timeout=20).close()
            except urllib.error.HTTPError:
                pass  # It answers.
            except OSError as error:
                pytest.skip(f"{name}: PyPI is unreachable: {error}", allow_module_level=True)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(SOURCES / name, kept / "work")
            build_python(kept / "work")
            (kept / "work").rename(kept / "packages")
            stamp.write_text(versions)
    return kept / "packages"


def zip_folder(folder):
    """A ZIP of a folder's content with its modes and links."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            name = str(path.relative_to(folder))
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            if path.is_symlink():
                info.external_attr = 0o120777 << 16
                archive.writestr(info, os.readlink(path))
            else:
                info.external_attr = (0o100000 | (path.stat().st_mode & 0o755)) << 16
                archive.writestr(info, path.read_bytes())
    return out.getvalue()


def run(work, *command, **env):
    """A build step; its output is the failure's text."""
    done = subprocess.run(command, cwd=work, env={**os.environ, **env}, timeout=BUILD_LIMIT_S,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}"


def build_node(work):
    # Its C++ part is compiled by its install script, which npm runs for named packages only.
    run(work, "npm", "install", "--omit=dev", "--no-audit", "--no-fund", "--foreground-scripts")
    # Only building needs node-gyp and what it needs.
    modules = work / "node_modules"
    for path in modules.iterdir():
        if path.name not in (".bin", "aws-lambda-ric"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for link in (modules / ".bin").iterdir():
        if link.name != "aws-lambda-ric":
            link.unlink()
    shutil.rmtree(modules / "aws-lambda-ric" / "deps", ignore_errors=True)
    return work


def build_python(work):
    run(work, "/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-compile",
        "--disable-pip-version-check", "--target", ".", "-r", "requirements.txt")
    return work


def build_go(work):
    out = work / "package"
    run(work, "go", "build", "-mod=readonly", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o",
        "package/bootstrap", ".", CGO_ENABLED="0")
    return out


def build_rust(work):
    run(work, "cargo", "build", "--release", "--locked", "--quiet", CARGO_TARGET_DIR="target")
    out = work / "package"
    out.mkdir()
    shutil.copy(work / "target" / "release" / "bootstrap", out)
    return out


def build_java(work):
    run(work, "mvn", "-q", "-B", "package", "dependency:copy-dependencies", "-DincludeScope=runtime")
    out = work / "package"
    (out / "lib").mkdir(parents=True)
    shutil.copy(work / "bootstrap", out)
    shutil.copy(work / "target" / "function-1.0.0.jar", out / "function.jar")
    for jar in (work / "target" / "dependency").iterdir():
        shutil.copy(jar, out / "lib")
    return out


CLIENTS = {client.language: client for client in (
    Client("node", "3.3.0", build=build_node, handler="index.handler",
           tools=["/usr/bin/node", "npm", "make", "cmake", "g++", "autoconf", "automake", "libtoolize"],
           registry="https://registry.npmjs.org/aws-lambda-ric",
           error="HandlerError", init_error="TypeError", MemorySize=256),
    Client("python", "4.2.2", build=build_python, handler="main.handler", tools=["/usr/bin/python3"],
           registry="https://pypi.org/simple/awslambdaric/",
           error="HandlerError", init_error="TypeError"),
    Client("go", "1.54.0", build=build_go, handler="bootstrap", tools=["go"],
           registry="https://proxy.golang.org/github.com/aws/aws-lambda-go/@v/list",
           error="HandlerError"),
    Client("rust", "1.5.0", build=build_rust, handler="bootstrap", tools=["cargo", "cc"],
           registry="https://index.crates.io/la/mb/lambda_runtime",
           error="HandlerError"),
    Client("java", "2.9.0", build=build_java, handler="example.Handler::handleRequest",
           tools=["/usr/bin/java", "javac", "mvn"],
           registry="https://repo.maven.apache.org/maven2/com/amazonaws/"
                    "aws-lambda-java-runtime-interface-client/maven-metadata.xml",
           error="example.Handler$HandlerError", init_error="java.lang.IllegalStateException",
           MemorySize=512),
)}
