# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of how a module reaches a cloud."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say which cloud, and as whom."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of a cloud in C(clouds.yaml), or a dictionary with a whole cloud
        configuration as it would stand there.
      - Not needed where O(auth) is given or C(OS_*) environment variables are set.
    type: raw
  auth:
    description:
      - What the authentication plugin needs. For passwords these are C(auth_url),
        C(username), C(password), C(project_name) and the names or ids of the domains.
    type: dict
  auth_type:
    description:
      - Name of the authentication plugin, C(password) where nothing says otherwise.
    type: str
  region_name:
    description:
      - Name of the region.
    type: str
  interface:
    description:
      - Which endpoints of the service catalogue are used.
      - Without it C(clouds.yaml) or C(OS_INTERFACE) decides, then C(public). For Magnum
        alone the environment variable C(MAGNUM_ENDPOINT_TYPE) decides before these.
    type: str
    choices: [admin, internal, public]
    aliases: [endpoint_type]
  validate_certs:
    description:
      - Whether TLS certificates are checked. They are, where nothing says otherwise.
    type: bool
    aliases: [verify]
  ca_cert:
    description:
      - Path to a bundle of CA certificates.
    type: str
    aliases: [cacert]
  client_cert:
    description:
      - Path to a client certificate for TLS.
    type: str
    aliases: [cert]
  client_key:
    description:
      - Path to the key of O(client_cert).
    type: str
    aliases: [key]
  api_timeout:
    description:
      - Seconds that the whole answer to one request may take; 60 where nothing says
        otherwise.
    type: int
requirements:
  - python >= 3.11
  - openstacksdk >= 4.12.0
notes:
  - Options go before environment variables (C(OS_*)), and these before C(clouds.yaml),
    as openstacksdk reads them.
  - Reads are repeated with growing pauses after 429, 502, 503, 504 and connection
    failures. A request that creates something is sent once.
  - E(MAGNUM_API_VERSION), or C(container_infra_api_version) in C(clouds.yaml), is the
    highest Magnum API version that is used; without it the highest that both sides
    know.
  - "A failure carries C(error), a dictionary with C(type), C(message), C(status)
    (HTTP), C(request_id) and C(details). The types are V(LocationNotFound),
    V(HardwareNotFound), V(TemplateNotFound), V(ClusterNotFound), V(NodeGroupNotFound),
    V(NodeNotFound), V(NotFound) (stacks and kubeconfigs), V(AmbiguousName),
    V(ResourceError) (quota, no valid host, a failed resource), V(Conflict),
    V(InvalidInput), V(AuthError), V(ApiError), V(Timeout) and V(Interrupted) (a signal
    has ended the task)."
  - Requests go through the proxies that E(HTTP_PROXY) and E(HTTPS_PROXY) name, except
    to what E(NO_PROXY) lists.
  - On failure C(changed) says whether something had been written before.
"""
