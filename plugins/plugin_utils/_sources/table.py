# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of sources. A new source is a file with a `Source`, and a row here."""

from __future__ import annotations

import functools
import threading
import time
import typing as t
from dataclasses import replace

from ...module_utils._http import shown
from .._fleet.types import Listing, Record, Schedule, Telemetry
from . import cache, facts
from .base import Answer, Source, WrongOption
from .failure import SourceError
from .kubernetes import source as kubernetes
from .openstack import source as openstack
from .prometheus import source as prometheus
from .slurm import source as slurm

SOURCES: dict[str, Source] = {
    source.type: source
    for source in (
        facts.SOURCE,
        kubernetes.SOURCE,
        openstack.SOURCE,
        prometheus.SOURCE,
        slurm.SOURCE,
    )
}

TIMEOUT = 20
"""Seconds that a source may take."""

_MOMENT = 0.5

_COMMON: Record = {
    "cluster": {"type": "str"},
    "timeout": {"type": "int", "default": TIMEOUT},
}

OPTIONS: Record = {
    "type": {"type": "str", "required": True, "choices": list(SOURCES)},
    **_COMMON,
    **{
        name: spec
        for source in SOURCES.values()
        for name, spec in source.options.items()
    },
}
"""Argument spec of an entry of the option `sources`."""


class Answers(t.NamedTuple):
    """What the sources have answered, each kind in the order of the sources.

    Attributes:
        listings: Answers of clouds.
        telemetry: Answers of systems of measurements.
        schedules: Answers of schedulers, of their own or of another source.
        warnings: Warnings of listings and telemetry, each with the type of its source.
            Those of schedules follow when hosts and schedules are joined.
    """

    listings: list[Listing]
    telemetry: list[Telemetry]
    schedules: list[Schedule]
    warnings: list[str]


def check(entries: t.Sequence[Record]) -> None:
    """Check the entries of the option `sources`, with their defaults.

    Raises:
        WrongOption: An entry has a value that can't be, or options of another type.
    """
    for number, options in enumerate(entries):
        source = SOURCES[options["type"]]
        _check_names(number, source, options)
        if options["timeout"] < 1:
            raise WrongOption(
                f"sources[{number}].timeout: {options['timeout']} must be 1 or more"
            )
        complaint = source.check(options)
        if complaint:
            raise WrongOption(f"sources[{number}]{complaint}")


def _check_names(number: int, source: Source, options: Record) -> None:
    """Refuse options of other types; those at their defaults say nothing."""
    own = (*_COMMON, *source.options)
    for name, value in options.items():
        if name not in ("type", *own) and value != OPTIONS[name].get("default"):
            raise WrongOption(
                f"sources[{number}].{name}: a source of type {source.type} has no "
                f"such option, only {', '.join(own)}"
            )


def reads_variables(entries: t.Sequence[Record]) -> bool:
    """Return whether the variables of hosts are among the sources."""
    return any(SOURCES[options["type"]].read is None for options in entries)


def read(entries: t.Sequence[Record], folder: str, max_age: float) -> Answers:
    """Read the sources side by side.

    Args:
        entries: The entries of the option `sources`, checked.
        folder: Where answers may be kept; nobody else may write there.
        max_age: Seconds for which a kept answer counts; 0 for never.

    Returns:
        The answers, those of sources that could not be read among them.
    """
    types = {options["type"] for options in entries}
    reading = []
    for options in entries:
        source = SOURCES[options["type"]]
        if source.read is not None:
            prepared = source.prepare(options, types)
            deadline = time.monotonic() + prepared["timeout"]
            reader = functools.partial(_read, source, prepared, deadline)
            kept = functools.partial(
                cache.kept, folder, prepared, max_age, reader, deadline
            )
            reading.append((source, _start(source, prepared, kept, deadline)))
    return _sorted([(source.type, answer()) for source, answer in reading])


def _read(source: Source, options: Record, deadline: float) -> Answer:
    """Read a source in the time that waiting for another task has left."""
    left = deadline - time.monotonic()
    if left <= 0 or source.read is None:
        raise SourceError(_late(options))
    return source.read(options, left)


def _late(options: Record) -> str:
    return f"it took more than {options['timeout']} s"


def _start(
    source: Source, options: Record, read: t.Callable[[], Answer], deadline: float
) -> t.Callable[[], Answer]:
    """Read a source in a thread, which is not waited for after the deadline.

    It ends by itself then: all that a source waits for has the same deadline.

    Returns:
        What waits for the answer; that of a source that is late is a failure.
    """
    answers: list[Answer] = []

    def run() -> None:
        try:
            answers.append(read())
        except SourceError as error:
            answers.append(source.failed(options, str(error)))
        except Exception as error:  # noqa: BLE001 -- an answer of a shape nobody has seen
            text = f"{type(error).__name__}: {shown(error)}"
            reason = f"its answer is not understood: {text}"
            answers.append(source.failed(options, reason))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> Answer:
        # A moment more: the source itself says what it was waiting for.
        thread.join(max(0.0, deadline + _MOMENT - time.monotonic()))
        return answers[0] if answers else source.failed(options, _late(options))

    return wait


def _sorted(answered: t.Sequence[tuple[str, Answer]]) -> Answers:
    """Sort answers, each with the type of its source, by what they are."""
    answers = Answers([], [], [], [])
    of_telemetry: list[str] = []
    for kind, answer in answered:
        if isinstance(answer, Schedule):
            nothing = not answer.nodes and not answer.failure
            texts = ("it has no node with devices",) if nothing else ()
            warnings_of = (*answer.warnings, *texts)
            answers.schedules.append(replace(answer, warnings=warnings_of))
            continue
        warnings = [f"{kind}: {text}" for text in answer.warnings]
        if not warnings and _is_empty(answer):
            warnings = [f"{kind}: it knows nothing of any node"]
        if isinstance(answer, Listing):
            answers.listings.append(answer)
            answers.warnings.extend(warnings)
        else:
            answers.telemetry.append(answer)
            answers.schedules.extend(answer.schedules)
            of_telemetry += warnings
    return answers._replace(warnings=answers.warnings + of_telemetry)


def _is_empty(answer: Listing | Telemetry) -> bool:
    """Return whether a source has answered, and has nothing to say."""
    if answer.storage:
        return False
    if isinstance(answer, Listing):
        return not answer.servers
    return not answer.measured and not any(each.nodes for each in answer.schedules)
