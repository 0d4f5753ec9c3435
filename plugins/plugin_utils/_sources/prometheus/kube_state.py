# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Series of kube-state-metrics, as it has set them: whoever has scraped it, and where.

Source: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
"""

from __future__ import annotations

import typing as t

from .api import Labels, Prometheus, Sample
from .labels import Prefixed
from .series import Query

_PODS = "kube_pod_info"

Series = dict[str, list[Sample]]
"""Series by the query that they answer."""


def pods(server: Prometheus, names: set[str], query: Query) -> list[Labels]:
    """Return the labels of all pods that are on a node.

    Args:
        server: Makes selectors.
        names: Names of all metrics.
        query: Sends the queries.
    """
    if _PODS not in names:
        return []
    listed = [labels for labels, _value in query(f"{_PODS}{server.selector()}")]
    prefixed = Prefixed(listed)
    return [prefixed.own(labels) for labels in listed]


def by_cluster(
    server: Prometheus, queries: t.Mapping[str, tuple[str, ...]], label: str
) -> dict[str, Series]:
    """Return series by the name of their cluster, empty where no label says it.

    Their labels are those of kube-state-metrics alone: a pod that waits has no node,
    though the target may have one.

    Args:
        server: Sends the queries.
        queries: Matchers by name of the metric.
        label: Label of the cluster's name.

    Raises:
        SourceError: A query failed. Without one of them all the others tell little.
    """
    listed = {
        name: server.query(f"{name}{server.selector(*matchers)}")
        for name, matchers in queries.items()
    }
    prefixed = Prefixed(labels for each in listed.values() for labels, _value in each)
    clusters: dict[str, Series] = {}
    for name, samples in listed.items():
        for labels, value in samples:
            own = clusters.setdefault(labels.get(label, ""), {})
            own.setdefault(name, []).append(Sample(prefixed.own(labels), value))
    return clusters or {"": {}}
