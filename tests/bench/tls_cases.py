"""TLS 1.3 in front of the proxies: full handshakes, and long AES-GCM bodies.

All use P-256, X25519 and TLS_AES_128_GCM_SHA256, and resume nothing. The clients are openssl s_time
and curl; the figure is the proxy's CPU time, so a client that is slower changes it little.
"""

import re
import subprocess

from tests.bench import machine, proxies
from tests.bench.case import Case, Column

SUITE = "TLS_AES_128_GCM_SHA256"
PEERS = ("spawner", "nginx", "haproxy")
BODY_MIB, BODIES = 4, 96
PATIENCE_S = 60


def _certificate(bench):
    """A folder with tls.crt, tls.key, and both in one file as HAProxy wants them."""
    if "tls" not in bench.memo:
        folder = bench.folder
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", folder + "/tls.key", "-out",
             folder + "/tls.crt"], check=True, capture_output=True)
        with open(folder + "/tls.pem", "w", encoding="ascii") as file:
            file.write(machine.read(folder + "/tls.crt") + machine.read(folder + "/tls.key"))
        bench.memo["tls"] = folder
    return bench.memo["tls"]


def _run(bench, peer, argv, count):
    """Figures of a client whose output says how much was done: count(output)."""
    tls_port = machine.free_port()
    bench.start_proxy(peer, tls_port=tls_port, tls_folder=_certificate(bench))
    with bench.watch() as found:
        output = bench.client([word.format(port=tls_port) for word in argv], PATIENCE_S)
    done = count(output)
    if not done:
        return {"failed": "the client did nothing: " + output[-200:]}
    return {**found, "n": done, "cpu_us": found["cpu_s"] / done * 1e6,
            "per_cpu_s": done / max(found["cpu_s"], 1e-9), "rps": done / found["wall_s"]}


def run_handshakes(bench, peer, _, seconds):
    return _run(bench, peer,
                ["openssl", "s_time", "-connect", "127.0.0.1:{port}", "-new", "-tls1_3",
                 "-ciphersuites", SUITE, "-time", "%d" % max(1, round(seconds))],
                lambda output: int(re.search(r"(\d+) connections in \d+ real", output)[1]))


def run_body(bench, peer, _, seconds):
    del seconds  # long enough for the clock of a control group
    url = "https://localhost:{port}/b/%d#[1-%d]" % (BODY_MIB << 20, BODIES)
    figures = _run(bench, peer,
                   ["curl", "-sSk", "--http1.1", "--tlsv1.3", "--tls13-ciphers", SUITE, "-H",
                    "Host: " + proxies.host(0), "-o", "/dev/null", "-w", "%{{size_download}}\n", url],
                   lambda output: sum(map(int, output.split())) >> 20)
    if "failed" not in figures:
        figures["gib_per_cpu_s"] = figures["per_cpu_s"] / 1024
    return figures


CASES = {
    "tls_handshakes": Case("TLS 1.3 handshakes, one after the other", "CPU us per handshake",
                           base="nginx", peers=PEERS, run=run_handshakes,
                           columns=(Column("per_cpu_s", "per s of CPU"),)),
    "tls_body": Case("answers of 4 MiB over TLS, AES-GCM", "CPU us per MiB", base="nginx",
                     peers=PEERS, run=run_body,
                     columns=(Column("gib_per_cpu_s", "GiB per s of CPU", "%.2f"),)),
}
