"""Makes the containers beside this file that come from other programs.

Needs python-pskc from PyPI, and pskctool and openssl from Debian. Run it in its own directory. What
it makes is committed, and differs in salts and initialisation vectors each time.
"""

import subprocess
import tempfile
from pathlib import Path

from pskc import PSKC

SEED = b"12345678901234567890"
TOTP = "urn:ietf:params:xml:ns:keyprov:pskc:totp"
HOTP = "urn:ietf:params:xml:ns:keyprov:pskc:hotp"


def container():
    pskc = PSKC()
    pskc.add_key(
        id="k1", serial="T-1", manufacturer="Acme", model="Clock", issuer="Example", secret=SEED,
        algorithm=TOTP, algorithm_suite="HMAC-SHA256", response_length=8, response_encoding="DECIMAL",
        time_offset=0, time_interval=60, time_drift=-2, key_userid="UID=alice,DC=example",
    )
    pskc.add_key(
        id="k2", serial="H-1", manufacturer="Acme", model="Button", issuer="Example",
        secret=SEED + b"abcd", algorithm=HOTP, response_length=6, response_encoding="DECIMAL",
        counter=1000,
    )
    return pskc


def pre_shared(name, algorithm, mac=None, fields=("secret",)):
    pskc = container()
    if mac:
        pskc.mac.setup(algorithm=mac)
    key = bytes(range(16 if "128" in algorithm else 24 if "192" in algorithm else 32))
    pskc.encryption.setup_preshared_key(
        key=key, id="KEY", algorithm=algorithm, key_name="Shared", fields=list(fields))
    pskc.write(name)


pre_shared("aes128-sha1.xml", "aes128-cbc", "hmac-sha1")
pre_shared("aes192-sha512.xml", "aes192-cbc", "hmac-sha512")
pre_shared("aes256-sha256-all.xml", "aes256-cbc", "hmac-sha256",
           ("secret", "counter", "time_offset", "time_interval"))

pskc = PSKC()
for size in (16, 32):
    pskc.add_key(id=f"s{size}", serial=f"S-{size}", secret=bytes(range(size)), algorithm=TOTP,
                 response_length=6, response_encoding="DECIMAL", time_interval=30)
pskc.encryption.setup_preshared_key(
    key=bytes(range(32)), algorithm="kw-aes256", key_name="Shared", fields=["secret"])
pskc.write("kw-aes256.xml")

pskc = container()
pskc.mac.setup(algorithm="hmac-sha256")
pskc.encryption.setup_pbkdf2(
    "correct horse", salt=b"0123456789abcdef", iterations=5000, key_length=32, prf="hmac-sha256",
    key_name="Words", algorithm="aes256-cbc", fields=["secret"])
pskc.write("pbkdf2-sha256.xml")

with tempfile.TemporaryDirectory() as directory:
    plain, key, crt = (Path(directory) / name for name in ("plain.xml", "key.pem", "crt.pem"))
    pskc = PSKC()
    pskc.add_key(id="k1", serial="T-1", manufacturer="Acme", secret=SEED, algorithm=TOTP,
                 response_length=6, response_encoding="DECIMAL", time_offset=0, time_interval=30)
    pskc.write(str(plain))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500",
         "-subj", "/CN=example", "-keyout", key, "-out", crt], check=True, capture_output=True)
    signed = subprocess.run(
        ["pskctool", "--sign", "--sign-key", key, "--sign-crt", crt, plain],
        check=True, capture_output=True).stdout
    Path("signed.xml").write_bytes(signed)
