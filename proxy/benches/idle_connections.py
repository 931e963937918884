#!/usr/bin/env python3
"""What a connection that nobody uses costs: our proxy and Envoy side by side, in one run on one machine.

Measured for each rival, over plain TCP on loopback, with one worker: how much resident memory grows by for each of 10,000
connections, or of as many as files may be open for, three seconds after the last was made,

* that have sent nothing,
* that have had one HTTP/1.1 request answered and are kept open,
* that a TCP proxy has paired with one to a server, with some bytes passed.

Memory of the system's, for sockets, is not in it. A rival that is not there is skipped with one line: OUTRIGGER_BIN is our
binary (otherwise target/release/outrigger of this workspace), ENVOY_BIN is Envoy (otherwise `envoy` on PATH). Needs Linux and
Python 3.9 or newer.

Examples:

  cargo build --release -p outrigger && proxy/benches/idle_connections.py
  proxy/benches/idle_connections.py --connections 2000 --check
"""

import argparse
import asyncio
import pathlib
import resource
import socket
import sys
import tempfile
import threading
import time

from processes import MeshProxy, find_envoy, find_outrigger, free_port, machine

SPARE_FILES = 500
SETTLE_S = 3  # what was needed for a moment only is given back

# What `--check` holds our proxy to.
MAX_KB_PER_CONNECTION = 10.0

TYPES = "type.googleapis.com/envoy.extensions.filters"
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def file_with(http, tcp, server):
    """A bootstrap with an HTTP listener that answers itself, and a TCP proxy before a server."""
    return f"""\
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {http} }} }}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": {TYPES}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config: {{ virtual_hosts: [{{ name: all, domains: ["*"], routes: [{{ match: {{ prefix: / }}, direct_response: {{ status: 200 }} }}] }}] }}
          http_filters: [{{ name: router, typed_config: {{ "@type": {TYPES}.http.router.v3.Router }} }}]
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {tcp} }} }}
    filter_chains:
    - filters: [{{ name: tcp, typed_config: {{ "@type": {TYPES}.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: server }} }}]
  clusters:
  - name: server
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{ thresholds: [{{ max_connections: 1000000, max_pending_requests: 1000000, max_requests: 1000000 }}] }}
    load_assignment: {{ cluster_name: server, endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {server} }} }} }} }}] }}] }}
"""


def echo_server():
    """A server in a thread of its own that sends back what comes; its port."""
    port = free_port()

    async def serve(reader, writer):
        while data := await reader.read(100):
            writer.write(data)

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    return port


def connect(port, count, say):
    """So many open connections, each answered what it said, if it said anything."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connections.append(connection)
        if say:
            connection.sendall(say)
            if not connection.recv(4096):
                raise SystemExit("a connection was closed")
    return connections


def measure(proxy, directory, server, count):
    """KB per connection, for each kind."""
    http, tcp = free_port(), free_port()
    figures = {}
    kinds = {"silent": (http, b""), "HTTP/1.1 kept open": (http, REQUEST), "TCP proxied": (tcp, b"hello")}
    for kind, (port, say) in kinds.items():
        # Each kind in a process of its own: what one leaves behind would be there for the next.
        node, _ = proxy.run(directory, kind.replace("/", "-").replace(" ", "-"), file_with(http, tcp, server))
        try:
            # What the first ones need is not theirs alone.
            for connection in connect(port, 10, say):
                connection.close()
            time.sleep(SETTLE_S)
            before = node.rss_mb()
            connections = connect(port, count, say)
            time.sleep(SETTLE_S)
            figures[kind] = (node.rss_mb() - before) * 1e3 / count
            for connection in connections:
                connection.close()
        finally:
            node.stop()
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--check", action="store_true", help="fail where our proxy is over its limit")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Each connection has two ends in this process, and two in a TCP proxy.
    count = min(arguments.connections, (most - SPARE_FILES) // 2)
    proxies = []
    if pathlib.Path(ours := find_outrigger()).exists():
        proxies.append(MeshProxy("outrigger", ours))
    else:
        print(f"skipped outrigger: there is no {ours}")
    if envoy := find_envoy():
        proxies.append(MeshProxy("envoy", envoy, "--disable-hot-restart"))
    else:
        print("skipped envoy: set ENVOY_BIN")
    server = echo_server()
    print(machine())
    print(f"kB of resident memory for each of {count} connections")
    over = False
    with tempfile.TemporaryDirectory() as directory:
        for proxy in proxies:
            figures = measure(proxy, pathlib.Path(directory), server, count)
            for kind, kilobytes in figures.items():
                print(f"{proxy.name:10} {proxy.version():10} {kind:20} {kilobytes:6.1f}", flush=True)
                over |= proxy.name == "outrigger" and kilobytes > MAX_KB_PER_CONNECTION
    if arguments.check and over:
        sys.exit(f"over {MAX_KB_PER_CONNECTION} kB")


if __name__ == "__main__":
    main()
