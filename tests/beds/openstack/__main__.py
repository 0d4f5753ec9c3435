# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: ``PYTHONPATH=tests python -m beds.openstack --help``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys

from . import commands
from .layout import BedError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m beds.openstack",
        description="A real OpenStack on one machine (tests/beds/openstack/README.md).",
    )
    command = parser.add_subparsers(dest="command", required=True)
    command.add_parser("up", help="start it; make it first if there is none")
    command.add_parser("down", help="stop everything")
    reset = command.add_parser("reset", help="stop it; the next up starts a fresh one")
    reset.add_argument("--all", action="store_true", help="make it anew, too")
    command.add_parser("status", help="services with pid, port and memory")
    logs = command.add_parser("logs", help="the end of one log, or of all")
    logs.add_argument("service", nargs="?")
    logs.add_argument("-n", type=int, default=30, metavar="LINES", dest="lines")
    command.add_parser(
        "env", help='for the shell: eval "$(python -m beds.openstack env)"'
    )
    for name, does in (("stop", "stop some services"), ("start", "start them again")):
        some = command.add_parser(name, help=does)
        some.add_argument("services", nargs="+", metavar="SERVICE")
        if name == "stop":
            some.add_argument("--kill", action="store_true", help="without asking")
    _add_steering(command.add_parser("vm", help="how the insides of machines behave"))
    _add_steering(command.add_parser("machines", help="the same for region capi"))
    return parser


def _add_steering(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pause", action="store_true", dest="paused", default=None)
    parser.add_argument("--resume", action="store_false", dest="paused", default=None)
    parser.add_argument(
        "--delay", type=float, metavar="SECONDS", help="before a server does its part"
    )
    parser.add_argument(
        "--fail",
        nargs="*",
        metavar="NAME",
        help="parts of names of servers that fail; none: all succeed",
    )


def main() -> int:
    """Run a command.

    Returns:
        The exit status.
    """
    args = _parser().parse_args()
    # Clients warn of every service that does not answer yet.
    logging.disable(logging.WARNING)
    # As Ctrl-C: lets `finally` tidy up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        match args.command:
            case "up":
                commands.up()
            case "down":
                commands.down()
            case "reset":
                commands.reset(everything=args.all)
            case "status":
                return 0 if commands.status() else 3
            case "logs":
                commands.logs(args.service, args.lines)
            case "env":
                commands.env()
            case "stop":
                commands.stop_services(args.services, kill=args.kill)
            case "start":
                commands.start_services(args.services)
            case "vm" | "machines" as what:
                commands.steer(
                    what, paused=args.paused, delay=args.delay, fail=args.fail
                )
    except BedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: run the command again, or `down`", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
