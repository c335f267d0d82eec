# SPDX-License-Identifier: Apache-2.0
"""Bootstraps written in C, with the library of runtimes/c."""
import pathlib
import subprocess
import tempfile

from evoke_daemon import BUILD


def bootstrap(source, *flags):
    """A static program, as bytes."""
    runtime = BUILD / "runtimes" / "c"
    with tempfile.TemporaryDirectory(prefix="evoke-c-") as folder:
        main = pathlib.Path(folder) / "main.c"
        main.write_text(source)
        subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-static", *flags, f"-I{runtime}", main,
                        runtime / "libevoke.a", "-o", f"{folder}/bootstrap"], check=True)
        return pathlib.Path(folder, "bootstrap").read_bytes()
