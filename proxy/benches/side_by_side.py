#!/usr/bin/env python3
"""What one request costs: our proxy, Envoy and nginx side by side, in one run on one machine.

Measured for each rival, with one worker, over plain TCP on loopback:

* CPU microseconds per request: user + system time of the proxy's processes (/proc/PID/stat) divided by the requests
  that the load generator completed in the same window. The origin's and the load generator's own time do not count.
  - one hop:  client -HTTP/1.1-> proxy -HTTP/1.1-> origin              (compose/sidecar/bootstrap.v3.yaml)
  - two hops: client -HTTP/1.1-> gateway -HTTP/2-> sidecar -HTTP/1.1-> origin  (both files; time of both together)
* resident memory, idle, one second after ready, before the first request (nginx: master and worker);
* milliseconds from starting the process to the first `LIVE` of its admin `/ready` (nginx: to the first accept);
* the size of the binary.

The load is closed-loop: 64 keep-alive connections, each with one request at a time, a 42-byte body, as fast as it goes.
Rounds are interleaved, every rival once per round, so that whatever else the machine does hits all of them; the ratio
is the median of the ratios to Envoy *within* each round. Absolute numbers compare only within one run.

Needs Linux, Python 3.9 or newer and `wrk` or `h2load`. A rival that is not there is skipped with one line:

  OUTRIGGER_BIN  our binary; otherwise target/release/outrigger of this workspace
  ENVOY_BIN      real Envoy; otherwise `envoy` on PATH
  nginx          from PATH; also the origin (one worker). Without it a small static server in this file is the origin,
                 and both scenarios then run slower but cost the proxies the same work.

Examples:

  cargo build --release -p outrigger && proxy/benches/side_by_side.py
  proxy/benches/side_by_side.py --rounds 7 --seconds 3 --check
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import processes
from processes import WORKSPACE, Node, accepts, find_envoy, find_load_generator, find_outrigger, free_port, machine, start_nginx

BODY = b"The datetime is 2018-07-26T12:34:56.123456"
STARTS = 5  # how often start-to-ready is measured for each rival; the median counts

# What `--check` holds our proxy to (ratios are to Envoy's figure of the same run).
MAX_CPU_RATIO = 0.36
MAX_RSS_MB = 12.0
MAX_READY_MS = 25.0

ONE_HOP, TWO_HOPS = "one hop", "two hops"


# === Rivals ===


class MeshProxy(processes.MeshProxy):
    """Envoy or our proxy in front of an origin."""

    hops = (ONE_HOP, TWO_HOPS)

    def start(self, directory, role, upstream_port):
        """One node on the workspace's own v3 file; returns it, its port and its milliseconds to ready."""
        port = free_port()
        text = on_loopback(WORKSPACE / "compose" / role / "bootstrap.v3.yaml", port, upstream_port)
        node, ready_ms = self.run(directory, f"{role}-{port}", text)
        return node, port, ready_ms


class Nginx:
    """nginx as an ordinary reverse proxy: one worker, connections upstream kept alive. It does not speak HTTP/2 upstream."""

    name = "nginx"
    hops = (ONE_HOP,)

    def __init__(self, binary):
        self.binary = binary

    def version(self):
        """What `nginx -v` says behind the slash."""
        said = subprocess.run([self.binary, "-v"], capture_output=True, text=True, check=True).stderr
        return said.strip().rpartition("/")[2]

    def start(self, directory, _role, upstream_port):
        """One node; returns it, its port and its milliseconds to accepting."""
        port = free_port()
        server = f"""
            upstream origin {{ server 127.0.0.1:{upstream_port}; keepalive 128; keepalive_requests 1000000000; }}
            server {{
                listen 127.0.0.1:{port} backlog=1024;
                location / {{
                    proxy_pass http://origin;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_set_header Host $http_host;
                }}
            }}"""
        node = start_nginx(self.binary, directory, f"nginx-proxy-{port}", server)
        return node, port, node.ready_after_ms(lambda: accepts(port))


def on_loopback(path, port, upstream_port):
    """The file's text with its three addresses moved: listener, admin (port 0) and the one upstream host."""
    places = {"0.0.0.0:80": port, "0.0.0.0:8001": 0, "app:80": upstream_port, "127.0.0.1:8080": upstream_port}

    def moved(found):
        return f"address: 127.0.0.1, port_value: {places.pop(':'.join(found.groups()))}"

    text, count = re.subn(r"address: ([\w.]+), port_value: (\d+)", moved, path.read_text())
    if count != 3:
        raise SystemExit(f"{path}: expected three socket addresses, found {count}")
    return text


def find_rivals(skipped):
    """Everybody present, Envoy first; who is not is named in `skipped`."""
    rivals = []
    if envoy := find_envoy():
        rivals.append(MeshProxy("envoy", envoy, "--use-dynamic-base-id"))
    else:
        skipped.append("envoy: ENVOY_BIN is not set and there is none on PATH")
    if nginx := shutil.which("nginx"):
        rivals.append(Nginx(nginx))
    else:
        skipped.append("nginx: none on PATH")
    ours = find_outrigger()
    if os.access(ours, os.X_OK):
        rivals.append(MeshProxy("outrigger", ours))
    else:
        skipped.append(f"outrigger: {ours} is not built and OUTRIGGER_BIN is not set")
    return rivals


# === Origin ===


def start_origin(directory):
    """A server that answers everything with the 42 bytes; returns it and its port."""
    port = free_port()
    if nginx := shutil.which("nginx"):
        answer = f'default_type "text/html; charset=utf-8"; return 200 "{BODY.decode()}";'
        server = f"server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ {answer} }} }}"
        node = start_nginx(nginx, directory, "origin", server)
    else:
        node = Node([sys.executable, __file__, "--origin", str(port)], directory, "origin")
    node.ready_after_ms(lambda: accepts(port))
    return node, port


class StaticAnswer(asyncio.Protocol):
    """Answers each request head with the same bytes; requests have no bodies here."""

    response = b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)

    def connection_made(self, transport):
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        *heads, self.rest = (self.rest + data).split(b"\r\n\r\n")
        self.transport.write(self.response * len(heads))


async def serve_static(port):
    """Serves `StaticAnswer` until the process is ended."""
    server = await asyncio.get_running_loop().create_server(StaticAnswer, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


# === Measuring ===


class Contestant:
    """One rival in one scenario: its nodes, running, and what was measured of them."""

    def __init__(self, rival, hops, nodes, port):
        self.rival, self.hops, self.nodes, self.port = rival, hops, nodes, port
        self.cpu_us, self.per_second = [], []

    def check_answer(self):
        """The right bytes come through before anything is measured."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            if answer.status != 200 or answer.read() != BODY:
                raise SystemExit(f"{self.rival.name}, {self.hops}: wrong answer")

    def measure(self, load, connections, seconds):
        """One round."""
        cpu = -sum(node.cpu_seconds() for node in self.nodes)
        started = time.perf_counter()
        requests = load(self.port, connections, seconds)
        took = time.perf_counter() - started
        cpu += sum(node.cpu_seconds() for node in self.nodes)
        self.cpu_us.append(cpu / requests * 1e6)
        self.per_second.append(requests / took)


class Footprint:
    """What a rival needs before the first request: starts it a few times and ends it again."""

    def __init__(self, rival, directory, origin_port):
        ready, rss = [], []
        for _ in range(STARTS):
            node, _port, ready_ms = rival.start(directory, "sidecar", origin_port)
            try:
                ready.append(ready_ms)
                if len(ready) == STARTS:
                    time.sleep(1)  # what starting freed is given back, late initialization is done
                    rss.append(node.rss_mb())
            finally:
                node.stop()
        self.rival = rival
        self.ready_ms, self.rss_mb = statistics.median(ready), rss[0]
        self.size_mb = pathlib.Path(rival.binary).resolve().stat().st_size / 1e6


def start_contestants(rivals, directory, origin_port, stack):
    """Every rival in every scenario it can play; `stack` ends the nodes."""
    contestants = []
    for rival in rivals:
        for hops in rival.hops:
            nodes, port = [], origin_port
            for role in ("sidecar",) if hops == ONE_HOP else ("sidecar", "gateway"):
                node, port, _ready = rival.start(directory, role, port)
                stack.callback(node.stop)
                nodes.append(node)
            contestants.append(Contestant(rival, hops, nodes, port))
    return contestants


# === Report ===


def ratio_to_envoy(contestant, contestants):
    """The median over the rounds of this one's cost by Envoy's in the same scenario and round, or None."""
    for other in contestants:
        if other.rival.name == "envoy" and other.hops == contestant.hops:
            return statistics.median(a / b for a, b in zip(contestant.cpu_us, other.cpu_us))
    return None


def report(contestants, footprints, options, load_name):
    """Two Markdown tables with what is needed to read them."""
    versions = ", ".join(f"{f.rival.name} {f.rival.version()}" for f in footprints)
    origin = "nginx, 1 worker" if shutil.which("nginx") else "the script's static server"
    yield f"{time.strftime('%Y-%m-%d')}; {machine()}; {versions}."
    yield f"{options.rounds} interleaved rounds of {options.seconds} s, {options.connections} connections ({load_name}), 1 worker each, origin: {origin}."
    yield ""
    yield "| scenario | proxy | CPU µs/request (median) | lowest – highest | ratio to Envoy | requests/s |"
    yield "|---|---|--:|--:|--:|--:|"
    for one in sorted(contestants, key=lambda c: c.hops):
        ratio = ratio_to_envoy(one, contestants)
        yield (
            f"| {one.hops} | {one.rival.name} | {statistics.median(one.cpu_us):.1f} | {min(one.cpu_us):.1f} – {max(one.cpu_us):.1f} "
            f"| {'–' if ratio is None else f'{ratio:.2f}'} | {statistics.median(one.per_second):.0f} |"
        )
    yield ""
    yield "| proxy | start to ready, ms | idle RSS, MB | binary, MB |"
    yield "|---|--:|--:|--:|"
    for f in footprints:
        yield f"| {f.rival.name} | {f.ready_ms:.1f} | {f.rss_mb:.1f} | {f.size_mb:.1f} |"


def shortfalls(contestants, footprints):
    """Each limit that our proxy misses, or that could not be judged, as a line."""
    ours = [c for c in contestants if c.rival.name == "outrigger"]
    if not ours:
        yield "outrigger was not measured"
    for one in ours:
        ratio = ratio_to_envoy(one, contestants)
        if ratio is None:
            yield f"{one.hops}: no Envoy to compare with"
        elif ratio > MAX_CPU_RATIO:
            yield f"{one.hops}: {ratio:.2f} of Envoy's CPU per request, allowed is {MAX_CPU_RATIO}"
    for f in footprints:
        if f.rival.name == "outrigger" and f.rss_mb > MAX_RSS_MB:
            yield f"idle RSS is {f.rss_mb:.1f} MB, allowed is {MAX_RSS_MB}"
        if f.rival.name == "outrigger" and f.ready_ms > MAX_READY_MS:
            yield f"ready after {f.ready_ms:.1f} ms, allowed is {MAX_READY_MS}"


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="The head of this file says how it measures.")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of one measurement (default 2)")
    parser.add_argument("--connections", type=int, default=64, help="keep-alive connections (default 64)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where our proxy misses a limit of the project")
    parser.add_argument("--origin", type=int, metavar="PORT", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(options, directory, stack):
    """Measures everything and prints it; returns the exit code."""
    skipped = []
    rivals = find_rivals(skipped)
    for line in skipped:
        print(f"skipped: {line}", file=sys.stderr)
    if not rivals:
        raise SystemExit("nothing to measure")
    load_name, load = find_load_generator()
    origin, origin_port = start_origin(directory)
    stack.callback(origin.stop)
    footprints = [Footprint(rival, directory, origin_port) for rival in rivals]
    contestants = start_contestants(rivals, directory, origin_port, stack)
    for one in contestants:
        one.check_answer()
        load(one.port, options.connections, 1)  # connections upstream, allocators and branch predictors warm up
    for done in range(options.rounds):
        print(f"round {done + 1} of {options.rounds}", file=sys.stderr)
        for one in contestants:
            one.measure(load, options.connections, options.seconds)
    print("\n".join(report(contestants, footprints, options, load_name)))
    missed = list(shortfalls(contestants, footprints)) if options.check else []
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def main():
    """Entry point."""
    options = parse_options()
    if options.origin:
        return asyncio.run(serve_static(options.origin))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so the nodes are ended too
    with tempfile.TemporaryDirectory(prefix="side-by-side-") as directory, contextlib.ExitStack() as stack:
        return run(options, pathlib.Path(directory), stack)


if __name__ == "__main__":
    sys.exit(main())
