"""`kubectl chris tree FEED`."""

import argparse
import json
import queue
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime

from chris_operator.cli import tree
from chris_operator.cli.errors import UserError
from chris_operator.cli.kubectl import FEEDS, INSTANCES, Kubectl, Object, Outdated
from chris_operator.cli.options import connected, located
from chris_operator.cli.screen import Screen
from chris_operator.cli.tree import Node

Change = tuple[str, Node] | UserError | None
_TICK = 0.25
"""Seconds between two drawings."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.add_argument("feed", metavar="FEED", help="name of the analysis")
    parser.add_argument(
        "-w", "--watch", action="store_true", help="draw it again and again until every run has ended"
    )
    parser.add_argument(
        "-o", "--output", choices=["text", "json"], default="text", help="json is for programs"
    )


def run(options: argparse.Namespace) -> int:
    """Draw the feed once, or until its end."""
    kubectl = connected(options)
    if options.watch and options.output == "text":
        _follow(kubectl, options.feed)
        return 0
    bodies, _ = kubectl.all(INSTANCES)
    nodes = _nodes(kubectl, options.feed, [Node.of(body) for body in bodies])
    now = datetime.now(UTC)
    if options.output == "json":
        print(json.dumps(tree.document(options.feed, nodes, now), indent=1))
        return 0
    print("\n".join([tree.heading(options.feed, nodes), *tree.lines(nodes, now)]))
    return 0


def _nodes(kubectl: Kubectl, feed: str, nodes: list[Node]) -> list[Node]:
    """The Feed's runs; where there are none, the API server is asked whether there is such a Feed at all."""
    found = tree.of_feed(nodes, feed)
    if not found:
        kubectl.get(FEEDS, feed)
    return found


def _follow(kubectl: Kubectl, feed: str) -> None:
    """Draw until every run has ended."""
    screen = Screen()
    with closing(_states(kubectl, feed)) as states:
        for tick, nodes in enumerate(states):
            drawn = [tree.heading(feed, nodes), *tree.lines(nodes, datetime.now(UTC), tick)]
            screen.draw(drawn, tree.changes(nodes))
            if nodes and all(node.final for node in nodes):
                return


def _states(kubectl: Kubectl, feed: str) -> Generator[list[Node]]:
    """The feed's runs as they are, again after changes and with each tick."""
    while True:
        bodies, version = kubectl.all(INSTANCES)
        known = {node.name: node for node in map(Node.of, bodies)}
        _nodes(kubectl, feed, list(known.values()))
        changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        with kubectl.watching(INSTANCES, version) as events:
            threading.Thread(target=_listen, args=(events, changes), daemon=True).start()
            listening = True
            while listening:
                yield tree.of_feed(known.values(), feed)
                listening = _take(changes, known)


def _listen(events: Iterator[tuple[str, Object]], changes: "queue.SimpleQueue[Change]") -> None:
    """Pass changes on; None when there will be no more, an error where that is final."""
    try:
        for kind, body in events:
            changes.put((kind, Node.of(body)))
        changes.put(None)
    except Outdated:
        changes.put(None)
    except UserError as error:
        changes.put(error)


def _take(changes: "queue.SimpleQueue[Change]", known: dict[str, Node]) -> bool:
    """Take up what has changed within a tick; whether more may come."""
    until = time.monotonic() + _TICK
    with suppress(queue.Empty):
        while (left := until - time.monotonic()) > 0:
            change = changes.get(timeout=left)
            if change is None:
                return False
            if isinstance(change, UserError):
                raise change
            kind, node = change
            if kind == "DELETED":
                known.pop(node.name, None)
            else:
                known[node.name] = node
    return True
