"""What the benchmarks share: running proxies, looking at their processes, and making load."""

import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 30


# === Processes ===


class Node:
    """A running process, its children included."""

    def __init__(self, argv, directory, name):
        self.log = directory / f"{name}.log"
        self.name = name
        self.started = time.perf_counter()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def pids(self):
        """The process and its direct children (nginx's worker is one)."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self):
        """User and system time used so far."""
        ticks = 0
        for pid in self.pids():
            # The command name may hold spaces, so count fields from behind its closing parenthesis.
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        """Resident memory in MB (10^6 bytes), pages shared between the processes counted for each."""
        kib = 0
        for pid in self.pids():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            kib += int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M).group(1))
        return kib * 1024 / 1e6

    def ready_after_ms(self, is_ready):
        """Polls until ready; milliseconds since the start."""
        deadline = self.started + READY_TIMEOUT_S
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                break
            if is_ready():
                return (time.perf_counter() - self.started) * 1e3
            time.sleep(0.0005)
        raise SystemExit(f"{self.name} did not become ready; its log:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        """Asks it to end, insists after two seconds."""
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    """Whether somebody accepts on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# === Proxies ===


class MeshProxy:
    """Envoy, or our proxy, which understands the same files and flags."""

    def __init__(self, name, binary, *flags):
        self.name, self.binary, self.flags = name, binary, flags

    def version(self):
        """The first line of `--version` that says something."""
        text = subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=True).stdout
        line = next(line for line in text.splitlines() if line.strip())
        dotted = re.search(r"\d+\.\d+\.\d+[\w.-]*", line)
        return dotted.group(0) if dotted else line.strip()

    def run(self, directory, stem, config, concurrency=1):
        """One node on this file's text; returns it and its milliseconds to ready."""
        stem = f"{self.name}-{stem}"
        path, admin = directory / f"{stem}.yaml", directory / f"{stem}.admin"
        path.write_text(config)
        admin.unlink(missing_ok=True)
        argv = [self.binary, "-c", path, "--concurrency", concurrency, "-l", "error", "--admin-address-path", admin]
        node = Node([*map(str, argv), *self.flags], directory, stem)
        return node, node.ready_after_ms(lambda: is_live(admin))


def is_live(address_file):
    """Whether the admin endpoint whose address is in the file answers LIVE."""
    try:
        address = address_file.read_text()
        with urllib.request.urlopen(f"http://{address}/ready", timeout=1) as answer:
            return answer.read().strip() == b"LIVE"
    except (OSError, ValueError):  # not written, not listening, or not ready (an HTTP error is an OSError)
        return False


def find_envoy():
    """Real Envoy's binary; None if there is none."""
    return os.environ.get("ENVOY_BIN") or shutil.which("envoy")


def find_outrigger():
    """Where our binary should be."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", WORKSPACE / "target"))
    return os.environ.get("OUTRIGGER_BIN") or str(target / "release" / "outrigger")


def find_rivals():
    """Everybody present, Envoy first."""
    rivals = []
    if envoy := find_envoy():
        rivals.append(MeshProxy("envoy", envoy, "--use-dynamic-base-id"))
    else:
        print("skipped: envoy: ENVOY_BIN is not set and there is none on PATH", file=sys.stderr)
    if os.access(ours := find_outrigger(), os.X_OK):
        rivals.append(MeshProxy("outrigger", ours))
    else:
        print(f"skipped: outrigger: {ours} is not built and OUTRIGGER_BIN is not set", file=sys.stderr)
    return rivals


def start_nginx(binary, directory, name, server):
    """nginx in the foreground with one worker, everything it writes below `directory`."""
    prefix = directory / name
    prefix.mkdir()
    temporary = "".join(f"{kind}_temp_path {prefix}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = prefix / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {prefix}/pid; error_log stderr error;"
        f"events {{ worker_connections 4096; }}"
        f"http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; {temporary} {server} }}"
    )
    return Node([binary, "-p", str(prefix), "-c", str(config), "-e", "stderr"], directory, name)


# === Measuring ===


def find_load_generator():
    """Its name and a function (port, connections, seconds, path, host) -> completed requests; refuses a run with any error."""
    if wrk := shutil.which("wrk"):

        def run_wrk(port, connections, seconds, path="/", host="localhost"):
            argv = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Host: {host}", f"http://127.0.0.1:{port}{path}"]
            text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            if "Socket errors" in text or "Non-2xx" in text:
                raise SystemExit(f"not every request succeeded:\n{text}")
            return int(re.search(r"(\d+) requests in", text).group(1))

        return "wrk", run_wrk
    if h2load := shutil.which("h2load"):

        def run_h2load(port, connections, seconds, path="/", host="localhost"):
            argv = [h2load, "--h1", "-t1", f"-c{connections}", f"-D{seconds}", "-H", f"host: {host}", f"http://127.0.0.1:{port}{path}"]
            text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            total, failed = re.search(r"(\d+) succeeded, (\d+) failed", text).groups()
            if failed != "0":
                raise SystemExit(f"not every request succeeded:\n{text}")
            return int(total)

        return "h2load", run_h2load
    raise SystemExit("neither wrk nor h2load is on PATH; one of them is needed to make load")


def machine():
    """CPU, cores and kernel in one line."""
    model = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
