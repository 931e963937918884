#!/usr/bin/env python3
"""What TLS costs: our proxy and Envoy side by side, in one run on one machine.

CPU microseconds (user + system time of the process) for each request on connections that are kept, and for each request on a
connection of its own, which is a full handshake: a certificate of P-256, TLS 1.3, over loopback, answered by the proxy itself.
The load is closed-loop: 64 clients, each with one request at a time. Rounds are interleaved; absolute numbers compare only
within one run.

Needs Linux, Python 3.9 or newer, `wrk` and `openssl`. A rival that is not there is skipped with one line: OUTRIGGER_BIN is our
binary (otherwise target/release/outrigger of this workspace), ENVOY_BIN is Envoy (otherwise `envoy` on PATH).

Examples:

  cargo build --release -p outrigger && proxy/benches/tls.py
  proxy/benches/tls.py --rounds 5 --check
"""

import argparse
import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from processes import find_rivals, free_port, machine

TYPES = "type.googleapis.com/envoy.extensions"

# What `--check` holds our proxy to: at most so much of Envoy's CPU.
MOST = {"kept connection": 0.5, "handshake": 1 / 1.5}


def bootstrap(port, directory):
    """A listener with TLS whose only route answers itself."""
    return f"""\
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
    - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - transport_socket:
            name: tls
            typed_config:
              "@type": {TYPES}.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: {{ filename: {directory}/cert.pem }}
                    private_key: {{ filename: {directory}/key.pem }}
          filters:
            - name: http
              typed_config:
                "@type": {TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                http_filters:
                  - name: router
                    typed_config: {{ "@type": {TYPES}.filters.http.router.v3.Router }}
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{{ match: {{ prefix: / }}, direct_response: {{ status: 200 }} }}]
"""


def make_pair(directory):
    """A certificate that signs itself, and its key."""
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost".split()
    argv += ["-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"]
    subprocess.run(argv, check=True, capture_output=True)


def load(port, seconds, close):
    """Makes requests, and says how many were answered."""
    argv = ["wrk", "-t1", "-c64", f"-d{seconds}s", *(["-H", "connection: close"] if close else []), f"https://127.0.0.1:{port}/"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or re.search(r"connect [1-9]|write [1-9]|timeout [1-9]", text):
        raise SystemExit(f"not every request succeeded:\n{text}")
    return int(re.search(r"(\d+) requests in", text).group(1))


def main():
    """Measures, prints, checks."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    options.add_argument("--seconds", type=int, default=2, help="how long a measurement takes (default: 2)")
    options.add_argument("--check", action="store_true", help="fail where a limit of the project is missed")
    options = options.parse_args()
    cost = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        make_pair(directory)
        nodes = []
        for rival in find_rivals():
            port = free_port()
            node, _ready = rival.run(directory, "tls", bootstrap(port, directory))
            stack.callback(node.stop)
            nodes.append((rival, node, port))
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for what in MOST:
                for rival, node, port in nodes:
                    cpu = -node.cpu_seconds()
                    requests = load(port, options.seconds, close=what == "handshake")
                    cpu += node.cpu_seconds()
                    cost.setdefault((what, rival.name), []).append(cpu / requests * 1e6)
        versions = ", ".join(f"{rival.name} {rival.version()}" for rival, _node, _port in nodes)
    print(f"{machine()}; {versions}.\n")
    print("| TLS | proxy | CPU µs/request (median) | ratio to Envoy |\n|---|---|--:|--:|")
    missed = []
    for (what, name), rounds in cost.items():
        ratio = None
        if theirs := cost.get((what, "envoy")):
            ratio = statistics.median(ours / envoy for ours, envoy in zip(rounds, theirs))
        print(f"| {what} | {name} | {statistics.median(rounds):.1f} | {f'{ratio:.2f}' if ratio else '–'} |")
        if name == "outrigger" and ratio and ratio > MOST[what]:
            missed.append(f"{what}: {ratio:.2f}, allowed is {MOST[what]:.2f}")
    if options.check and missed:
        raise SystemExit("\n".join(missed))


if __name__ == "__main__":
    main()
