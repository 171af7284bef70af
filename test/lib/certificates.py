# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates made for one test: chains, expired ones, revoked ones. The lasting keys are in keys.py."""

import subprocess


def openssl(directory, *words, input=None):
    return subprocess.run(["openssl", *words], cwd=directory, input=input, check=True, capture_output=True).stdout


AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign")
LEAF = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")


def issue(directory, name, *options, issuer=None, key=("rsa:2048",), extensions=AUTHORITY):
    """Makes NAME.crt and NAME.key, self-signed or issued by an earlier one; returns the start of their paths.

    options: of openssl x509, such as "-sha1"; without "-days" it is valid for 30 days, with 0 it has expired. key: of openssl req -newkey."""
    wanted = [word for extension in extensions for word in ("-addext", extension)]
    openssl(directory, "req", "-new", "-newkey", *key, "-nodes", "-batch", "-subj", f"/CN={name}", *wanted,
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    by = ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-CAcreateserial"] if issuer else \
        ["-signkey", f"{name}.key"]
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", *by, "-copy_extensions", "copyall", "-out",
            f"{name}.crt", *(() if "-days" in options else ("-days", "30")), *options)
    return directory / name


def sign_with(signer, text, *certificates):
    """A signed policy. signer: what issue() returned; certificates: others to put into it."""
    extra = [word for certificate in certificates for word in ("-certfile", f"{certificate}.crt")]
    return openssl(None, "smime", "-sign", "-binary", "-outform", "der", "-noattr", "-nodetach", "-nosmimecap",
                   "-signer", f"{signer}.crt", "-inkey", f"{signer}.key", *extra, input=text.encode())


def revoke(directory, name, issuer):
    """Makes ISSUER.crl, a list of revoked certificates with NAME in it; returns its path."""
    (directory / "index").touch()
    (directory / "ca.conf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\n"
                                       f"default_crl_days=30\ncertificate={issuer}.crt\nprivate_key={issuer}.key\n")
    openssl(directory, "ca", "-config", "ca.conf", "-revoke", f"{name}.crt")
    openssl(directory, "ca", "-config", "ca.conf", "-gencrl", "-out", f"{issuer}.crl")
    return directory / f"{issuer}.crl"
