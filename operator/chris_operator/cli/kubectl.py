"""The cluster as the user's own kubectl reaches it: kubeconfig, login plugins and proxies are its business.

This program is a plugin of kubectl, so kubectl is there. A client of our own would take a second to load, which is
longer than most commands take.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from chris_operator.cli.errors import ForbiddenError, NotFoundError, UserError

Object = dict[str, Any]
_GROUP = "/apis/chrisproject.org/v1alpha1"
INSTANCES, FEEDS, PIPELINES = "plugininstances", "feeds", "pipelines"
_REFUSAL = re.compile(r"\((NotFound|Forbidden)\)")
_KINDS: Mapping[str, type[UserError]] = {"NotFound": NotFoundError, "Forbidden": ForbiddenError}
_GONE = 410


class Outdated(Exception):  # noqa: N818 - what happened to a watch, not what to do about it
    """The API server no longer knows what happened since then: list again."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the options that this command was given."""

    namespace: str
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, namespace: str | None, context: str | None = None, kubeconfig: str | None = None) -> Self:
        """For these options; without a namespace, that of the current context."""
        given = {"--context": context, "--kubeconfig": kubeconfig}
        options = tuple(word for name, value in given.items() if value for word in (name, value))
        if namespace:
            return cls(namespace, options)
        words = ("config", "view", "--minify", "--output=jsonpath={..namespace}")
        return cls(cls("", options).run(*words).decode().strip() or "default", options)

    # Reading

    def path(self, plural: str, name: str = "") -> str:
        """Where one of our kinds lives in this namespace."""
        return f"{_GROUP}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def raw(self, path: str) -> Object:
        """One GET of the API server, decoded."""
        found: Object = json.loads(self.run("get", "--raw", path))
        return found

    def all(self, plural: str) -> tuple[list[Object], str]:
        """All objects of one of our kinds in one request, and the version to watch from."""
        found = self.raw(self.path(plural))
        return found.get("items") or [], str(found["metadata"]["resourceVersion"])

    def get(self, plural: str, name: str) -> Object:
        """One object of one of our kinds in this namespace."""
        return self.raw(self.path(plural, name))

    def find(self, plural: str, name: str) -> Object | None:
        """One object, None where there is none."""
        try:
            return self.get(plural, name)
        except NotFoundError:
            return None

    def plugin(self, object_name: str) -> Object:
        """A Plugin by its object's name."""
        return self.raw(f"{_GROUP}/plugins/{object_name}")

    def plugins(self) -> list[Object]:
        """Every Plugin of the cluster."""
        found: list[Object] = self.raw(f"{_GROUP}/plugins").get("items") or []
        return found

    def core(self, plural: str, selector: str = "", namespace: str = "") -> list[Object]:
        """Objects of Kubernetes' own kinds (`pods`, `events`), by a selector as in a URL's query."""
        place = f"/api/v1/namespaces/{namespace or self.namespace}/{plural}"
        found: list[Object] = self.raw(f"{place}?{selector}").get("items") or []
        return found

    @contextmanager
    def watching(self, plural: str, since: str, *, only: str = "") -> Iterator[Iterator[tuple[str, Object]]]:
        """What happens from a version on, until the API server ends the stream or the block is left.

        The events raise Outdated where the API server has forgotten that version.
        """
        selector = f"&fieldSelector=metadata.name%3D{only}" if only else ""
        path = f"{self.path(plural)}?watch=1&resourceVersion={since}{selector}"
        with self.open("get", "--raw", path) as stream:
            yield _events(stream)

    # Writing

    def create(self, body: Object) -> Object:
        """Create an object; what the API server refuses is told in its own words."""
        made = self.run("create", "--output=json", "--filename=-", given=json.dumps(body).encode())
        created: Object = json.loads(made)
        return created

    # Plumbing

    def run(self, *words: str, given: bytes | None = None) -> bytes:
        """Run kubectl to its end; its own words are the error."""
        try:
            done = subprocess.run(self._command(words), input=given, capture_output=True, check=False)
        except FileNotFoundError:
            raise UserError("kubectl is not on the PATH: this is a plugin of it; install it first") from None
        if done.returncode:
            raise _refusal(done.stderr.decode(errors="replace"))
        return done.stdout

    @contextmanager
    def open(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A kubectl that goes on, and is ended with the block."""
        with subprocess.Popen(
            self._command(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            try:
                yield running
            finally:
                running.terminate()

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [
            "kubectl",
            *self.options,
            *(("--namespace", self.namespace) if self.namespace else ()),
            *words,
        ]


def _events(stream: subprocess.Popen[bytes]) -> Iterator[tuple[str, Object]]:
    for line in stream.stdout or ():
        event = json.loads(line)
        if event["type"] == "ERROR":
            if event["object"].get("code") == _GONE:
                raise Outdated
            raise UserError(f"the watch ended: {event['object'].get('message')}")
        yield event["type"], event["object"]
    words = stream.stderr.read() if stream.stderr else b""
    refusal = _refusal(words.decode(errors="replace"))
    if isinstance(refusal, ForbiddenError):  # anything else may pass, and the next list tells
        raise refusal


def _refusal(text: str) -> UserError:
    words = text.strip().removeprefix("error: ") or "kubectl failed without a word"
    found = _REFUSAL.search(words)
    return (_KINDS[found[1]] if found else UserError)(words)
