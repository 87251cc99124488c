"""What an ended or running pod tells about itself, in the words and fields of the status."""

import signal
from datetime import datetime
from typing import Any

from chris_operator.models.plugininstance import Output, Phases, Usage

from .conditions import timestamp
from .observe import Ended, JobFacts, PodFacts, parse_time
from .observed import Observed

_SIGNAL_BASE = 128


def signal_words(exit_code: int) -> str:
    """The signal behind an exit code above 128, as shells and the kubelet count.

    >>> signal_words(137), signal_words(3)
    (' (killed by SIGKILL)', '')
    """
    try:
        return f" (killed by {signal.Signals(exit_code - _SIGNAL_BASE).name})"
    except ValueError:
        return ""


def output_words(output: Output, pod: PodFacts) -> str:
    """How much a program wrote that ended well, and how many of its links, devices and the like were left out."""
    size = f"{output.files} files, {output.bytes} bytes"
    words = size if output.files else "the program ended well but wrote no files"
    left = pod.publish.message.get("skipped") if pod.publish else None
    return f"{words}; left out, as only regular files are kept: {left}" if left else words


def excess_words(evicted: str) -> str:
    """What filled a run's disk, in the kubelet's words, and what helps.

    >>> excess_words('Usage of EmptyDir volume "outgoing" exceeds the limit "1Gi". ').partition(": ")[2]
    'raise resources.ephemeralStorage'
    >>> excess_words('Usage of EmptyDir volume "state" exceeds the limit "4Gi". ').partition(": ")[2]
    'let it print less'
    """
    told = evicted.strip(" .")
    if 'volume "state"' in told:
        return f"the program printed more than the volume for its log holds ({told}): let it print less"
    return f"the run wrote more than its disk allows ({told}): raise resources.ephemeralStorage"


def checkpoint_words(pod: PodFacts) -> str:
    """What became of the state of a program whose pod was removed; empty where it keeps none."""
    told = pod.publish.message.get("checkpoint") if pod.publish else None
    return f"; its checkpoint is {told}" if told else ""


def step_words(step: str, ended: Ended) -> str:
    """How one of our own steps failed: its code and place, never a file name."""
    message = ended.message
    if not message:
        return f"{step} ended with exit code {ended.exit_code} ({ended.reason or 'no reason given'})"
    place = f" at object {message['object']}" if message.get("object") else ""
    line = f", manifest line {message['line']}" if message.get("line") is not None else ""
    words = f": {message['message']}" if message.get("message") else ""
    return f"{step} failed with {message.get('code', 'no code')}{place}{line}{words}"


def usage(pod: PodFacts) -> Usage | None:
    """What the plugin used: publish's report, with the kubelet's exit code as the truth about the end."""
    if pod.plugin is None:
        return None
    told = pod.publish.message if pod.publish else {}
    return Usage(
        exit_code=pod.plugin.exit_code,
        cpu_seconds=told.get("cpuSeconds"),
        peak_memory_bytes=told.get("peakMemoryBytes"),
    )


def facts(pod: PodFacts) -> dict[str, Any]:
    """Status fields that the pod alone decides; those it does not know yet are left out."""
    found = {
        "usage": usage(pod),
        "image": pod.image_id or None,
        "start_time": timestamp(pod.plugin_started) if pod.plugin_started else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _between(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(round((end - start).total_seconds(), 3), 0.0)


def ready_since(o: Observed) -> datetime | None:
    """Since when nothing but us kept the run's attempt from starting.

    The first one could start from the run's creation or its last parent's end; another when its back-off was over.
    """
    attempt = o.instance.status.attempt
    if attempt and attempt.number > 1:
        return parse_time(attempt.created)
    times = [o.instance.metadata.creation_timestamp]
    times += [parent.status.completion_time for parent in o.parents.values() if parent]
    return max((moment for text in times if (moment := parse_time(text))), default=None)


def phases_without_pod(o: Observed, now: datetime) -> Phases:
    """Where the time of a run without a pod went: all of it is ours."""
    return Phases(ours=_between(ready_since(o), now))


def phases(ready: datetime | None, job: JobFacts, pod: PodFacts, now: datetime) -> Phases:
    """Where the time of the run went, in seconds; Kubernetes' own times are whole seconds.

    `ours` is from `ready`, when nothing else kept the run from starting, to its Job's creation, plus from
    publish's end to this verdict.
    """
    told = pod.publish.message if pod.publish else {}
    started = parse_time(told.get("started")) or pod.plugin_started
    ended = parse_time(told.get("ended")) or (pod.plugin.finished if pod.plugin else None)
    published = pod.publish.finished if pod.publish else None
    before = _between(ready, job.created) or 0.0
    return Phases(
        queued=_between(job.created, pod.init_started),
        stage_in=_between(pod.init_started, pod.stage_in.finished if pod.stage_in else None),
        plugin=_between(started, ended),
        publish=_between(ended, published),
        ours=round(before + (_between(published, now) or 0.0), 3),
    )
