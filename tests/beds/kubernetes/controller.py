# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watches objects, and has something done for each one that is due."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import requests
from openstack.exceptions import SDKException

from beds.openstack.layout import BedError
from beds.openstack.vm_inside import say

from .api import Api

# Seconds.
ROUND = 1.0
SOON = 1.0
LATER = 10.0
NEVER = math.inf
WORKERS = 4
CLUSTER = "cluster.x-k8s.io/cluster-name"


class Trouble(Exception):
    """What is wrong with an object, in the words of its conditions."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


PROBLEMS = (
    Trouble,
    requests.RequestException,
    SDKException,
    BedError,
    LookupError,
    OSError,
)

Key = tuple[str, str, str]
"""Kind (in plural), namespace, name."""

Object = dict[str, Any]

Action = Callable[[Key, Object], float]
"""Does what an object wants; returns how long to wait before it looks again. An event
of the object's cluster ends the wait."""


class Controller:
    """Calls actions for objects of the management cluster.

    Args:
        api: The management cluster.
        watched: The path of each kind.
    """

    def __init__(self, api: Api, watched: Mapping[str, str]) -> None:
        self.api = api
        self._watched = watched
        self._seen: dict[Key, Object] = {}
        self._due: dict[Key, float] = {}
        # What has failed gets a rest, whatever happens.
        self._rest: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._changed = threading.Event()

    def run(self, actions: Mapping[str, Action], paused: Callable[[], bool]) -> None:
        """Work until the process ends.

        Args:
            actions: By kind; what has none is only seen.
            paused: Tells whether to do nothing for now.
        """
        for kind in self._watched:
            threading.Thread(target=self._watch, args=(kind,), daemon=True).start()
        with ThreadPoolExecutor(WORKERS) as pool:
            while True:
                self._changed.wait(ROUND)
                self._changed.clear()
                if not paused():
                    self._round(pool, actions)

    def seen(self, kind: str, namespace: str) -> Iterator[tuple[Key, Object]]:
        """Return the objects of a kind.

        Args:
            kind: In plural.
            namespace: Where.
        """
        for key, thing in list(self._seen.items()):
            if key[:2] == (kind, namespace):
                yield key, thing

    def patch(self, key: Key, body: Object, part: str = "") -> None:
        """Change an object; one that is gone is forgotten.

        Args:
            key: Which.
            body: The change.
            part: ``/status``, or nothing.
        """
        kind, namespace, name = key
        group = self._watched[kind].removesuffix(f"/{kind}")
        path = f"{group}/namespaces/{namespace}/{kind}/{name}{part}"
        try:
            self.api.request("PATCH", path, body)
        except requests.HTTPError as problem:
            if problem.response.status_code != 404:
                raise
            self._seen.pop(key, None)

    def report(self, key: Key, thing: Object, reason: str, message: str) -> None:
        """Say in an object's conditions what is wrong, unless they say so.

        Args:
            key: Which.
            thing: The object.
            reason: In one word.
            message: In more.
        """
        old = thing.get("status", {}).get("conditions") or [{}]
        if old[0].get("message") != message:
            wrong = conditions("False", reason, message)
            self.patch(key, {"status": {"conditions": wrong}}, "/status")

    def _watch(self, kind: str) -> None:
        while True:
            try:
                for event in self.api.watch(self._watched[kind]):
                    if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                        self._note(kind, event)
            except (requests.RequestException, ValueError) as problem:
                say(f"watch of {kind}: {problem}"[:300])
                time.sleep(SOON)

    def _note(self, kind: str, event: Object) -> None:
        thing = event["object"]
        key = (kind, thing["metadata"]["namespace"], thing["metadata"]["name"])
        if event["type"] == "DELETED":
            self._seen.pop(key, None)
        else:
            self._seen[key] = thing
        # Machines wait for their cluster, and a cluster that goes for its machines.
        for other, seen in list(self._seen.items()):
            if other[1] == key[1] and cluster_of(seen) == cluster_of(thing):
                self._due[other] = 0
        self._changed.set()

    def _round(self, pool: ThreadPoolExecutor, actions: Mapping[str, Action]) -> None:
        now = time.monotonic()
        for key, thing in list(self._seen.items()):
            due = max(self._due.get(key, 0), self._rest.get(key, 0))
            if key[0] in actions and key not in self._busy and now >= due:
                self._busy.add(key)
                self._due[key] = NEVER
                task = pool.submit(self._act, actions[key[0]], key, thing)
                task.add_done_callback(_tell)

    def _act(self, act: Action, key: Key, thing: Object) -> None:
        pause = LATER
        try:
            try:
                pause = act(key, thing)
            except PROBLEMS as problem:
                reason = getattr(problem, "reason", None) or type(problem).__name__
                say(f"{key[2]}: {reason}: {problem}"[:1000])
                self._rest[key] = time.monotonic() + pause
                self.report(key, thing, str(reason), str(problem)[:500])
        finally:
            # An event meanwhile made it due at once.
            self._due[key] = min(self._due[key], time.monotonic() + pause)
            self._busy.discard(key)


def cluster_of(thing: Object) -> str:
    """Return the name of the cluster that an object belongs to.

    Args:
        thing: The object.
    """
    return thing["metadata"].get("labels", {}).get(CLUSTER, "")


def conditions(status: str, reason: str, message: str = "") -> list[dict[str, str]]:
    """Return the conditions of upstream's objects.

    Args:
        status: True or False.
        reason: In one word.
        message: In more, where something is wrong.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rest = {"status": status, "reason": reason, "lastTransitionTime": now}
    if message:
        rest |= {"message": message, "severity": "Error"}
    return [{"type": kind, **rest} for kind in ("InstanceReady", "Ready")]


def _tell(task: Future[None]) -> None:
    if problem := task.exception():
        say("".join(traceback.format_exception(problem)))
