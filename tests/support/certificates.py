"""Keys and certificates for tests, made by openssl."""

import base64
import json
import subprocess


def _openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                          **options).stdout


class Authority:
    """Signs certificates into a folder: NAME.crt and NAME.key."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.cert, self.key = folder / (name + ".crt"), folder / (name + ".key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", self.key, "-out", self.cert, "-days", "2", "-subj", "/CN=" + name)

    def sign(self, name, subject=None, names="DNS:localhost,IP:127.0.0.1", file=None):
        """(certificate, key) of `subject` ("/O=dev/CN=ada")."""
        stem = self.folder / (file or name)
        cert, key, request, extra = (stem.with_suffix(s) for s in (".crt", ".key", ".csr", ".ext"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 key, "-out", request, "-subj", subject or "/CN=" + name)
        extra.write_text("subjectAltName=%s\nbasicConstraints=CA:FALSE\n" % names)
        made = _openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                        "-CAcreateserial", "-days", "1", "-extfile", extra)
        cert.write_bytes(made)
        return cert, key


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """An OpenID Connect issuer's RSA key: its JWK set, and tokens signed with it."""

    def __init__(self, folder, key_id):
        self.key_id = key_id
        self.key = folder / (key_id + ".pem")
        _openssl("genrsa", "-out", self.key, "2048")

    def jwk(self):
        text = _openssl("rsa", "-in", self.key, "-noout", "-modulus").decode()
        modulus = bytes.fromhex(text.strip().split("=")[1])
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id,
                "n": base64url(modulus), "e": base64url(b"\x01\x00\x01")}

    def token(self, claims, algorithm="RS256"):
        header = {"alg": algorithm, "kid": self.key_id}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = _openssl("dgst", "-sha256", "-sign", self.key, input=text.encode())
        return text + "." + base64url(signature)
