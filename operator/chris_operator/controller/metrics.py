"""What Prometheus may ask, and whether this replica is alive.

prometheus-client, because its text format and types are what every dashboard expects.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

RECONCILE_SECONDS = Histogram(
    "chris_reconcile_seconds",
    "Time to make one key true.",
    ["kind"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
RECONCILE_ERRORS = Counter("chris_reconcile_errors_total", "Reconciliations that failed.", ["kind", "error"])
QUEUE_DEPTH = Gauge("chris_queue_depth", "Keys that wait for a look or are being looked at.")
LEADING = Gauge("chris_leading", "1 while this replica holds the Lease.")
COMPUTE_READY = Gauge("chris_compute_ready", "1 while runs can go to another cluster.", ["compute"])
TRANSFERRED_BYTES = Counter(
    "chris_transferred_bytes_total", "Bytes copied to and from Swifts of other clusters.", ["compute", "way"]
)
RUNS_ENDED = Counter("chris_runs_ended_total", "Runs that ended, by reason.", ["reason"])
PHASE_SECONDS = Histogram(
    "chris_phase_seconds",
    "Time per phase of runs that ended with an output.",
    ["phase"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
)
OUTPUT_BYTES = Counter("chris_output_bytes_total", "Bytes of the outputs that runs committed.")
HEARTBEAT_AGE = Gauge("chris_heartbeat_age_seconds", "Time since the watches showed a change of the Lease.")
TASKS = Gauge("chris_tasks", "Tasks of the operator's event loop; memory is process_resident_memory_bytes.")


class Aging(Protocol):
    """Something that tells how long ago it was last heard of."""

    @property
    def age(self) -> float:
        """Seconds."""


def look_at_ourselves(heart: Aging) -> None:
    """Let every page of metrics tell of this process as it is then."""
    HEARTBEAT_AGE.set_function(lambda: heart.age)
    TASKS.set_function(lambda: len(asyncio.all_tasks()))


def observe(status: dict[str, Any]) -> None:
    """Count a run that has just ended; `status` is its whole status as written, of any run."""
    ended = [c for c in status["conditions"] if c["type"] == "Succeeded" and c["status"] != "Unknown"]
    if not ended:
        return
    RUNS_ENDED.labels(ended[0]["reason"]).inc()
    phases, output = status.get("phases"), status.get("output")
    if isinstance(phases, dict):
        for name, seconds in phases.items():
            PHASE_SECONDS.labels(name).observe(seconds)
    if isinstance(output, dict):
        OUTPUT_BYTES.inc(output["bytes"])


async def serve(port: int, alive: Callable[[], str]) -> web.AppRunner:
    """Answer /metrics and /healthz on a port; `alive()` returns what is wrong, or an empty text."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def health(_request: web.Request) -> web.Response:
        problem = alive()
        return web.Response(text=f"{problem or 'ok'}\n", status=500 if problem else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", health)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
