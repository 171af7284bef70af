# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signed policies of many kinds, and the kernels' answers. User space takes exactly those that kernels take,
or refuse for an unknown signer alone (ENOKEY), once it trusts the signer."""

import keys
from certificates import LEAF, issue, openssl

TAKEN = ("OK", "ENOKEY")

# Words of `openssl req -newkey`, and the errno.
KEYS = {
    "RSA 2048": (("rsa:2048",), "ENOKEY"),
    "RSA 3072": (("rsa:3072",), "ENOKEY"),
    "RSA 4096": (("rsa:4096",), "ENOKEY"),
    "RSA 2560": (("rsa:2560",), "EINVAL"),
    "RSA 5120": (("rsa:5120",), "EINVAL"),
    "secp224r1": (("ec", "-pkeyopt", "ec_paramgen_curve:secp224r1"), "ENOPKG"),
    "secp256k1": (("ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"), "ENOPKG"),
    "brainpoolP256r1": (("ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"), "ENOPKG"),
    "RSA-PSS": (("rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"), "ENOPKG"),
}

# A certificate that is in the message beside the signer's: (options of issue(), errno).
OTHERS = {
    "RSA 2048": ({}, "OK"),
    "Ed25519": ({"key": ("ed25519",)}, "ENOPKG"),
    "RSA 2560": ({"key": ("rsa:2560",)}, "EINVAL"),
    "brainpoolP256r1": ({"key": KEYS["brainpoolP256r1"][0]}, "ENOPKG"),
}


def test_signer():
    return keys.directory() / "test"


def sign(directory, text, *options, signer=None):
    signer = signer or test_signer()
    return openssl(directory, "cms", "-sign", "-binary", "-outform", "der", "-nodetach", "-nosmimecap", "-signer", f"{signer}.crt",
                   "-inkey", f"{signer}.key", *options, input=text)


def make(directory, text):
    """Returns {name: (message, errno)}. The certificates of their signers are DIRECTORY/signer-*.crt; others are signed by the key "test"."""
    result = {}
    for number, (name, (key, errno)) in enumerate(KEYS.items()):
        signer = issue(directory, f"signer-{number}", key=key, extensions=LEAF)
        result[f"by a key of {name}"] = (sign(directory, text, "-noattr", signer=signer), errno)
    for number, (name, (options, errno)) in enumerate(OTHERS.items()):
        other = issue(directory, f"other-{number}", **options)
        result[f"with a certificate of {name}"] = (sign(directory, text, "-noattr", "-certfile", f"{other}.crt"), errno)
    result["with padding of PSS"] = (sign(directory, text, "-noattr", "-keyopt", "rsa_padding_mode:pss"), "ENOPKG")
    result["with signed attributes"] = (sign(directory, text), "OK")
    whole = sign(directory, text, "-noattr")
    for version, errno in ((3, "EBADMSG"), (5, "EINVAL")):
        result[f"of version {version}"] = (whole.replace(b"\x02\x01\x01\x31", bytes((2, 1, version, 0x31)), 1), errno)
    return result
