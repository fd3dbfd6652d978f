"""A throw-away certificate authority and what it signs, by openssl's command line."""

import os
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_authority(folder, subject="/CN=Sotto demonstration CA"):
    """ca.pem and ca.key, for a day."""
    _openssl(folder, "req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", subject)
    os.chmod(folder / "ca.key", 0o600)


def make_certificate(folder, name, subject, names, usage="serverAuth", authority=None):
    """NAME.pem and NAME.key, signed by the authority of `authority` (the same folder when nothing is said). `names`: a subjectAltName."""
    authority = authority or folder
    _openssl(folder, "req", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n")
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", str(authority / "ca.pem"), "-CAkey", str(authority / "ca.key"),
        "-CAcreateserial", "-out", f"{name}.pem", "-days", "1", "-extfile", f"{name}.ext")
    os.chmod(folder / f"{name}.key", 0o600)
