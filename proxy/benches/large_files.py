#!/usr/bin/env python3
"""What large configurations cost: our proxy and Envoy side by side, in one run on one machine.

Measured for each rival, over plain TCP on loopback:

* a file with 5,000 clusters and a prefix route to each: milliseconds from starting the process to the first `LIVE` of its
  admin `/ready` (one worker, the median of five starts), and resident memory per cluster with its route, three seconds
  later, with one worker and with two: what a process holds beyond one with the same file without clusters and routes.
* matching: CPU microseconds per request (user + system time of the process divided by the requests that were answered)
  where the table has one route, 10,000 prefix routes, and 10,000 virtual hosts, with requests that meet the first and the
  last. All routes answer 200 themselves, so that nothing but matching differs; what it costs is the difference to the
  table with one route.

The load is closed-loop: 64 keep-alive connections, each with one request at a time, as fast as it goes. Rounds are
interleaved. Absolute numbers compare only within one run.

Needs Linux, Python 3.9 or newer and `wrk` or `h2load`. A rival that is not there is skipped with one line: OUTRIGGER_BIN
is our binary (otherwise target/release/outrigger of this workspace), ENVOY_BIN is Envoy (otherwise `envoy` on PATH).

Examples:

  cargo build --release -p outrigger && proxy/benches/large_files.py
  proxy/benches/large_files.py --rounds 5 --check
"""

import argparse
import contextlib
import pathlib
import signal
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request

from processes import find_load_generator, find_rivals, free_port, machine

CLUSTERS = 5_000
MATCHED = 10_000
STARTS = 5  # how often start-to-ready is measured for each rival; the median counts
SETTLE_S = 3  # what starting freed is given back, late initialization is done

# What `--check` holds our proxy to.
MAX_READY_MS = 300
MAX_KB_PER_CLUSTER = 5.0

TYPES = "type.googleapis.com/envoy.extensions.filters"


# === Files ===


def file_with(port, virtual_hosts, clusters=()):
    """A bootstrap with one listener that has these virtual hosts, in YAML, a route or cluster a line."""
    return f"""\
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
    - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": {TYPES}.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                http_filters:
                  - name: router
                    typed_config: {{ "@type": {TYPES}.http.router.v3.Router }}
                route_config:
                  virtual_hosts:
{"".join(virtual_hosts)}
  clusters:
{"".join(clusters) or "    []"}
"""


def virtual_host(name, domain, routes):
    """A virtual host with these routes."""
    head = f'                    - name: "{name}"\n                      domains: ["{domain}"]\n                      routes:\n'
    return head + ("".join(f"                        - {route}\n" for route in routes) or "                        []\n")


def answer(prefix):
    """A route that needs no cluster."""
    return f'{{ match: {{ prefix: "{prefix}" }}, direct_response: {{ status: 200 }} }}'


def file_with_clusters(port, count):
    """`count` clusters, each with a route."""
    routes = [f'{{ match: {{ prefix: "/service-{n:05}/" }}, route: {{ cluster: service-{n:05} }} }}' for n in range(count)]
    clusters = (
        f"""\
    - name: service-{n:05}
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: service-{n:05}
        endpoints:
          - lb_endpoints:
              - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 9 }} }} }}
"""
        for n in range(count)
    )
    return file_with(port, [virtual_host("all", "*", routes)], clusters)


def tables():
    """The tables to match in: what each is called, its virtual hosts, and the requests (what they meet, path, host)."""
    last = MATCHED - 1
    yield "one route", [virtual_host("all", "*", [answer("/")])], [("it", "/", "localhost")]
    routes = [answer(f"/service-{n:05}/") for n in range(MATCHED)]
    requests = [("the first", "/service-00000/a", "localhost"), ("the last", f"/service-{last:05}/a", "localhost")]
    yield f"{MATCHED:,} prefix routes", [virtual_host("all", "*", routes)], requests
    hosts = [virtual_host(f"host-{n:05}", f"host-{n:05}.example", [answer("/")]) for n in range(MATCHED)]
    requests = [("the first", "/", "host-00000.example"), ("the last", "/", f"host-{last:05}.example")]
    yield f"{MATCHED:,} virtual hosts", hosts, requests


# === Measuring ===


class Load:
    """What a file with thousands of clusters takes of a rival before the first request."""

    def __init__(self, rival, directory):
        self.rival = rival
        self.ready_ms = statistics.median(self.start(directory, CLUSTERS, 1)[0] for _ in range(STARTS))
        self.kb = {}
        for workers in (1, 2):
            (_, empty), (_, full) = (self.start(directory, count, workers, SETTLE_S) for count in (0, CLUSTERS))
            self.kb[workers] = (full - empty) * 1e3 / CLUSTERS

    def start(self, directory, count, workers, settle=0):
        """Milliseconds to ready, and MB then or after it has settled."""
        node, ready_ms = self.rival.run(directory, f"load-{count}", file_with_clusters(free_port(), count), workers)
        try:
            time.sleep(settle)
            return ready_ms, node.rss_mb()
        finally:
            node.stop()


class Match:
    """One rival with one table, running, and one kind of request; what was measured of it."""

    def __init__(self, rival, node, port, table, request):
        self.rival, self.node, self.port, self.table = rival, node, port, table
        self.meets, self.path, self.host = request
        self.cpu_us = []

    def check_answer(self):
        """It is answered as it should be before anything is measured, and what is not in the table is not."""
        self.ask(self.path, self.host, 200)
        if self.meets != "it":
            self.ask("/other", "other.example", 404)

    def ask(self, path, host, status):
        """One request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Host": host})
        try:
            got = urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as error:
            got = error.code
        if got != status:
            raise SystemExit(f"{self.rival.name}, {self.table}: {got} for {host}{path}, expected {status}")

    def measure(self, load, connections, seconds):
        """One round."""
        cpu = -self.node.cpu_seconds()
        requests = load(self.port, connections, seconds, self.path, self.host)
        cpu += self.node.cpu_seconds()
        self.cpu_us.append(cpu / requests * 1e6)


def start_matches(rivals, directory, stack):
    """Every rival with every table; `stack` ends the nodes."""
    matches = []
    for number, (table, virtual_hosts, requests) in enumerate(tables()):
        for rival in rivals:
            port = free_port()
            node, _ready = rival.run(directory, f"match-{number}", file_with(port, virtual_hosts))
            stack.callback(node.stop)
            matches += [Match(rival, node, port, table, request) for request in requests]
    return matches


# === Report ===


def over_one_route(match, matches):
    """What matching costs more than in the table with one route: the median over the rounds, in microseconds."""
    base = next(other for other in matches if other.rival is match.rival and other.meets == "it")
    return statistics.median(a - b for a, b in zip(match.cpu_us, base.cpu_us))


def report(loads, matches, options, load_name):
    """Two Markdown tables with what is needed to read them."""
    versions = ", ".join(f"{load.rival.name} {load.rival.version()}" for load in loads)
    yield f"{time.strftime('%Y-%m-%d')}; {machine()}; {versions}."
    yield f"{options.rounds} interleaved rounds of {options.seconds} s, {options.connections} connections ({load_name}), 1 worker each."
    yield ""
    yield f"| {CLUSTERS:,} clusters and routes | start to ready, ms | kB per cluster with its route, 1 worker | 2 workers |"
    yield "|---|--:|--:|--:|"
    for load in loads:
        yield f"| {load.rival.name} | {load.ready_ms:.0f} | {load.kb[1]:.1f} | {load.kb[2]:.1f} |"
    yield ""
    yield "| table | the request meets | proxy | CPU µs/request (median) | more than with one route |"
    yield "|---|---|---|--:|--:|"
    for match in matches:
        more = "–" if match.meets == "it" else f"{over_one_route(match, matches):+.1f}"
        yield f"| {match.table} | {match.meets} | {match.rival.name} | {statistics.median(match.cpu_us):.1f} | {more} |"


def shortfalls(loads):
    """Each limit that our proxy misses, or that could not be judged, as a line."""
    ours = [load for load in loads if load.rival.name == "outrigger"]
    if not ours:
        yield "outrigger was not measured"
    for load in ours:
        if load.ready_ms > MAX_READY_MS:
            yield f"ready after {load.ready_ms:.0f} ms, allowed is {MAX_READY_MS}"
        for workers, kb in load.kb.items():
            if kb > MAX_KB_PER_CLUSTER:
                yield f"{kb:.2f} kB per cluster with its route ({workers} workers), allowed is {MAX_KB_PER_CLUSTER}"


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="The head of this file says how it measures.")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds of matching (default 3)")
    parser.add_argument("--seconds", type=int, default=2, help="length of one measurement (default 2)")
    parser.add_argument("--connections", type=int, default=64, help="keep-alive connections (default 64)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where our proxy misses a limit of the project")
    return parser.parse_args()


def run(options, directory, stack):
    """Measures everything and prints it; returns the exit code."""
    rivals = find_rivals()
    if not rivals:
        raise SystemExit("nothing to measure")
    load_name, load = find_load_generator()
    loads = [Load(rival, directory) for rival in rivals]
    matches = start_matches(rivals, directory, stack)
    for match in matches:
        match.check_answer()
        load(match.port, options.connections, 1, match.path, match.host)  # allocators and branch predictors warm up
    for done in range(options.rounds):
        print(f"round {done + 1} of {options.rounds}", file=sys.stderr)
        for match in matches:
            match.measure(load, options.connections, options.seconds)
    print("\n".join(report(loads, matches, options, load_name)))
    missed = list(shortfalls(loads)) if options.check else []
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def main():
    """Entry point."""
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so the nodes are ended too
    with tempfile.TemporaryDirectory(prefix="large-files-") as directory, contextlib.ExitStack() as stack:
        return run(options, pathlib.Path(directory), stack)


if __name__ == "__main__":
    sys.exit(main())
