"""Turns of wrk, and the processor time that proxies take for a request: what the comparisons of proxies share."""

import json
import pathlib
import re
import statistics
import subprocess

# nginx, and one that answers what is asked of it in the end.
COMMON = """
worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log {folder}/{name}.err;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/{name}-body;
    proxy_temp_path {folder}/{name}-proxy;
    fastcgi_temp_path {folder}/{name}-f;
    uwsgi_temp_path {folder}/{name}-u;
    scgi_temp_path {folder}/{name}-s;
    keepalive_requests 100000000;
    {more}
}}
"""

BACK = """
    access_log off;
    sendfile on;
    server {{
        listen 8080 backlog=4096;
        root {folder};
        location = / {{ return 200 "a small answer, as many are\\n"; }}
    }}
"""

WRK = ("wrk", "-t1", "-H", "Host: real")


def cpu_seconds(pid):
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def turn(pids, wrk, connections, seconds, words):
    """Requests per second, and microseconds of processor time that these processes together took for each."""
    before = sum(map(cpu_seconds, pids))
    said = subprocess.run([*wrk, f"-c{connections}", f"-d{seconds}s", *words], check=True, capture_output=True, text=True).stdout
    used = sum(map(cpu_seconds, pids)) - before
    count = int(re.search(r"(\d+) requests in", said)[1])
    bad = re.search(r"Non-2xx.*|Socket errors: (?!connect 0, read 0, write 0, timeout 0).*", said)
    if bad or count == 0:
        raise RuntimeError(said)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), used * 1e6 / count


def tell(figure, values, unit, digits, **more):
    print(json.dumps({"figure": figure, "value": round(statistics.median(values), digits), "unit": unit, **more,
                      "runs": len(values), "min": round(min(values), digits), "max": round(max(values), digits)}), flush=True)


def tell_turns(name, turns):
    tell(f"{name}, CPU per request", [cpu for _, cpu in turns], "us", 2)
    tell(f"{name}, requests per second", [rate for rate, _ in turns], "1/s", 2)


def tell_ratio(figure, ours, peers, limit):
    """Of the processor time for a request, pair by pair. 1 if the median is above the limit, else 0."""
    ratios = [one[1] / other[1] for one, other in zip(ours, peers)]
    met = statistics.median(ratios) <= limit
    tell(figure, ratios, "x", 3, limit=limit, met=met, direction="at most")
    return 0 if met else 1
