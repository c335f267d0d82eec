# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by openssl(1)."""
import os
import pathlib
import subprocess


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A CA in a folder; issues what its callers need."""

    def __init__(self, folder, name="Test CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.crt, self.key = self.folder / "ca.crt", self.folder / "ca.key"
        _openssl("req", "-x509", *_new_key("ec"), "-keyout", self.key, "-out", self.crt,
                 "-days", "30", "-subj", f"/CN={name}")

    def issue(self, folder, name, *dns, kind="ec", subject=None, days=30, revocation=None):
        """NAME.crt and NAME.key in the folder, each put there whole: paths of both. revocation is
        the URL of a list that the certificate names."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        work = self.folder / f"{name}.work"
        names = ",".join(f"DNS:{one}" for one in dns or [name])
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName={names}\n" +
                              (f"crlDistributionPoints=URI:{revocation}\n" if revocation else ""))
        _openssl("req", *_new_key(kind), "-keyout", f"{work}.key", "-out", f"{work}.csr",
                 "-subj", subject or f"/CN={name}")
        _openssl("x509", "-req", "-in", f"{work}.csr", "-CA", self.crt, "-CAkey", self.key,
                 "-CAcreateserial", "-days", days, "-out", f"{work}.crt", "-extfile", extensions)
        for ending in ("key", "crt"):
            os.rename(f"{work}.{ending}", folder / f"{name}.{ending}")
        return folder / f"{name}.crt", folder / f"{name}.key"


def _new_key(kind):
    if kind == "rsa":
        return ["-newkey", "rsa:2048", "-nodes"]
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
