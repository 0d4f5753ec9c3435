# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a cloud: options as openstack.cloud names them, services lazily."""

from __future__ import annotations

import json
import os
import typing as t
from functools import cached_property, partial
from urllib.parse import urlsplit

from ..._secrets import cloud_secrets, remember
from ..engine.clock import Clock
from ..engine.errors import AuthError, InvalidInput
from . import sdk
from .api import Api, connect_to
from .cyborg import Cyborg
from .failures import client_error
from .heat import Heat
from .magnum import Magnum
from .nova import Nova
from .placement import PlacementApi
from .sign_in import NO_PROJECT
from .transport import limit, sign_in_surely

UNRESTRICTED = (
    "Use another one: openstack application credential create --unrestricted NAME"
)
"""The remedy for a restricted application credential."""

REQUEST_TIMEOUT = 60
"""Seconds for a whole answer where `api_timeout` says nothing: a service that
accepts connections and never answers must not hang a task for ever."""

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "cloud": {"type": "raw"},
    # Not no_log: that would mask every value in it wherever it appears, user and domain
    # names included ("default-worker"). The secrets in it are masked by module.py.
    "auth": {"type": "dict", "no_log": False},
    "auth_type": {"type": "str"},
    "region_name": {"type": "str"},
    "interface": {
        "type": "str",
        "choices": ["admin", "internal", "public"],
        "aliases": ["endpoint_type"],
    },
    "validate_certs": {"type": "bool", "aliases": ["verify"]},
    "ca_cert": {"type": "str", "aliases": ["cacert"]},
    "client_cert": {"type": "str", "aliases": ["cert"]},
    "client_key": {"type": "str", "no_log": True, "aliases": ["key"]},
    "api_timeout": {"type": "int"},
}
"""The options of the documentation fragment `gpufleet.openstack.openstack`."""

_SDK_NAMES = {
    "auth": "auth",
    "auth_type": "auth_type",
    "region_name": "region_name",
    "interface": "interface",
    "validate_certs": "verify",
    "ca_cert": "cacert",
    "client_cert": "cert",
    "client_key": "key",
    "api_timeout": "api_timeout",
}


class Cloud:
    """A cloud, with the project and region that the options name.

    Args:
        options: Values of the options in `ARGUMENT_SPEC`.
        clock: Limits retries.
        warn: Takes a warning for the user.
        in_time: Whether requests under way end with the clock. Without it each may take
            its whole timeout: a write that is cut short leaves its outcome unknown.
    """

    def __init__(
        self,
        options: t.Mapping[str, t.Any],
        clock: Clock,
        warn: t.Callable[[str], None],
        in_time: bool = False,
    ) -> None:
        """Read the configuration; nothing is sent yet.

        Raises:
            InvalidInput: There is no such cloud, or options contradict each other.
            AuthError: There are no credentials.
        """
        self.clock = clock
        self.warn = warn
        self._connection, self._ceiling = connect(options)
        remember(cloud_secrets({"auth": self.auth}))
        sign_in_surely(self._connection.session.auth)
        limit(
            self._connection.session,
            lambda timeout: min(timeout, clock.remaining()) if in_time else timeout,
        )

    @cached_property
    def magnum(self) -> Magnum:
        """Magnum: clusters, templates and node groups."""
        connect = self._connector("container_infrastructure_management")
        return Magnum(connect, self.clock, self.warn, self._ceiling)

    @cached_property
    def nova(self) -> Nova:
        """Nova: flavors, servers, keypairs and quota."""
        return Nova(self._connector("compute"), self.clock)

    @cached_property
    def placement(self) -> PlacementApi:
        """Placement: which accelerators are free."""
        return PlacementApi(self._connector("placement"), self.clock)

    @cached_property
    def heat(self) -> Heat:
        """Heat: stacks."""
        return Heat(self._connector("orchestration"), self.clock)

    @cached_property
    def glance(self) -> Api:
        """Glance: images."""
        return Api("Glance", self._connector("image"), self.clock)

    @cached_property
    def keystone(self) -> Api:
        """Keystone: projects, and the token."""
        return Api("Keystone", self._connector("identity"), self.clock)

    @cached_property
    def neutron(self) -> Api:
        """Neutron: networks and subnets."""
        return Api("Neutron", self._connector("network"), self.clock)

    @cached_property
    def cinder(self) -> Api:
        """Cinder: volumes."""
        return Api("Cinder", self._connector("block_storage"), self.clock)

    @cached_property
    def cyborg(self) -> Cyborg:
        """Cyborg: device profiles."""
        return Cyborg(self._connector("accelerator"), self.clock)

    @cached_property
    def octavia(self) -> Api:
        """Octavia: load balancers."""
        return Api("Octavia", self._connector("load_balancer"), self.clock)

    @property
    def auth(self) -> dict[str, t.Any]:
        """Credentials in force, from wherever they came: to be hidden."""
        return dict(self._connection.config.config.get("auth") or {})

    @property
    def region(self) -> str:
        """Name of the session's region, empty where nothing names one."""
        return str(self._connection.config.get_region_name("orchestration") or "")

    def regions(self) -> list[str]:
        """Return the names of the regions that have a Nova, by the catalogue.

        Raises:
            AuthError: The credentials are refused.
        """
        self.keystone.sign_in()
        endpoints = self._endpoints("compute")
        regions = (endpoint.get("region_id") for endpoint in endpoints)
        return sorted({region for region in regions if region})

    def offers(self, service_type: str) -> bool:
        """Return whether the catalogue has a service in the session's region.

        A service must have been asked before, which signs in.

        Args:
            service_type: Type of the service, such as "load-balancer".
        """
        return any(
            not self.region or endpoint.get("region_id") in (None, self.region)
            for endpoint in self._endpoints(service_type)
        )

    def _endpoints(self, service_type: str) -> list[dict[str, t.Any]]:
        """Return the endpoints of a service in all regions, by the catalogue."""
        session = self._connection.session
        catalogue = session.auth.get_access(session).service_catalog
        found = catalogue.get_endpoints(service_type=service_type)
        return list(found.get(service_type, []))

    @cached_property
    def restricted(self) -> bool:
        """Whether these are a restricted application credential.

        The token says so. Keystone lets it create no trusts (keystone/api/trusts.py,
        `_check_unrestricted`), which Magnum and Heat do for clusters and stacks. A
        service must have been asked before, which signs in.
        """
        state = getattr(self._connection.session.auth, "get_auth_state", str)()
        token = (json.loads(state or "{}").get("body") or {}).get("token") or {}
        return bool((token.get("application_credential") or {}).get("restricted"))

    def require_trusts(self, what: object) -> None:
        """Raise where a service could not create the trust that a new resource needs.

        Args:
            what: How messages call the resource.
        """
        if self.restricted:
            raise AuthError(
                f"{what} can't be created with a restricted application credential, as "
                f"it requires a trust. {UNRESTRICTED}"
            )

    def _connector(self, service: str) -> t.Callable[[], t.Any]:
        return partial(connect_to, self._connection, service)

    @cached_property
    def project_id(self) -> str:
        """Id of the project that the credentials are for.

        Raises:
            AuthError: The credentials are refused, or are for no project.
        """
        self.magnum.sign_in()
        project_id = self._connection.session.get_project_id()
        if not project_id:
            raise AuthError(NO_PROJECT)
        return str(project_id)


def connect(
    options: t.Mapping[str, t.Any],
) -> tuple[t.Any, tuple[int, int] | None]:
    """Make the SDK's connection, which authenticates with the first request.

    Returns:
        The connection, and the highest Magnum microversion that the user allows.
    """
    openstack = sdk.load()
    arguments = _connect_arguments(options)
    import yaml
    from keystoneauth1 import exceptions as ka

    try:
        connection = openstack.connect(**arguments)
    # Older releases pass on what YAML says of a file.
    except (openstack.exceptions.ConfigException, yaml.YAMLError) as error:
        name = arguments.get("cloud")
        raise InvalidInput(sdk.wrong_configuration(name, error)) from error
    except ka.NoMatchingPlugin as error:
        text = f"auth_type: {error}. Leave it out for passwords"
        raise InvalidInput(text) from error
    except ka.AuthPluginException as error:
        raise AuthError(_no_credentials(error)) from error
    except (openstack.exceptions.SDKException, ka.ClientException) as error:
        raise client_error("Keystone", error) from error
    config = connection.config.config
    _check_address(config)
    _check_password(config)
    if not config.get("api_timeout"):
        config["api_timeout"] = REQUEST_TIMEOUT
    ceiling = magnum_ceiling(config)
    if ceiling:
        # To the SDK this key is the major version, a microversion confuses it.
        config["container_infra_api_version"] = "1"
    return connection, ceiling


def _no_credentials(error: Exception) -> str:
    """Return the message for credentials that are missing, in part or all."""
    return (
        f"auth: credentials are missing or not complete: {str(error).rstrip('.')}. "
        "Name a cloud of clouds.yaml in cloud, or set auth or the environment "
        "variables OS_*"
    )


def _check_address(config: t.Mapping[str, t.Any]) -> None:
    """Raise where Keystone's address is none, before a library repeats parts of it."""
    address = (config.get("auth") or {}).get("auth_url")
    if not address:
        return
    try:
        parts = urlsplit(str(address))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _port = parts.port  # a ValueError where it is no number
    except ValueError:
        usable = False
    if not usable:
        # Not shown: there may be a password in it.
        raise InvalidInput(
            "auth.auth_url: it is not a valid address. Give one like "
            "https://cloud.example.com:5000/v3; a user and a password in it must be "
            "percent-encoded"
        )


def _check_password(config: t.Mapping[str, t.Any]) -> None:
    """Raise where the password is missing (keystoneauth has no type for that)."""
    auth = config.get("auth") or {}
    by_password = config.get("auth_type") in (None, "", "password", "v3password")
    user = "username" in auth or "user_id" in auth
    if by_password and user and not auth.get("password"):
        raise AuthError(
            "auth: password is missing. Set it there, in clouds.yaml or in OS_PASSWORD"
        )


def _connect_arguments(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the arguments for `openstack.connect`."""
    names = [name for name in _SDK_NAMES if options.get(name) is not None]
    given = {_SDK_NAMES[name]: options[name] for name in names}
    cloud = options.get("cloud")
    if isinstance(cloud, dict):
        if given:
            raise InvalidInput(
                "cloud: it is a whole configuration, so that these options can't be "
                f"given beside it; set them in it: {', '.join(sorted(names))}"
            )
        given = dict(cloud)
    elif cloud is not None:
        if str(cloud).lstrip().startswith("{"):
            # Not shown: there may be a password in it.
            raise InvalidInput(
                "cloud: is a text that looks like a dictionary; give a dictionary (on "
                "the command line, give all arguments as one JSON object)"
            )
        given["cloud"] = str(cloud)
    if "interface" not in given and os.environ.get("MAGNUM_ENDPOINT_TYPE"):
        interface = os.environ["MAGNUM_ENDPOINT_TYPE"]
        given["container_infra_interface"] = interface.replace("URL", "")
    if os.environ.get("HEAT_API_VERSION"):
        given["orchestration_api_version"] = os.environ["HEAT_API_VERSION"]
    return given


def magnum_ceiling(config: t.Mapping[str, t.Any]) -> tuple[int, int] | None:
    """Return the highest Magnum microversion that the user allows, None where any.

    `MAGNUM_API_VERSION` goes before `container_infra_api_version` of clouds.yaml. A
    plain major version is none.
    """
    for source, text in (
        ("MAGNUM_API_VERSION", os.environ.get("MAGNUM_API_VERSION")),
        ("container_infra_api_version", config.get("container_infra_api_version")),
    ):
        if not text or str(text) in ("1", "latest"):
            continue
        if str(text) == "1.1":
            # What YAML makes of 1.10 without quotes; 1.1 itself can do nothing here.
            raise InvalidInput(f"{source}: 1.1 is too old; quote it if 1.10 is meant")
        parts = str(text).split(".")
        if len(parts) != 2 or not all(part.isdigit() for part in parts):
            raise InvalidInput(f"{source}: {text!r} is not a version like 1.12")
        return int(parts[0]), int(parts[1])
    return None
