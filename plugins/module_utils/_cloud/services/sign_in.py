# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that Keystone gives no token, or one for nothing."""

from __future__ import annotations

import typing as t

from ... import _http
from ..._near import did_you_mean
from ..engine.errors import ApiError, AuthError, CloudError, NoEndpoint
from .failures import AGAIN, Failed
from .transport import Unusable

NO_PROJECT = (
    "The credentials are not scoped to a project. Set project_name or project_id in "
    "auth, clouds.yaml or the environment variables OS_*"
)


def check_scope(session: t.Any) -> None:
    """Raise where a token is for nothing, as no catalog of services comes with it.

    Args:
        session: A session of keystoneauth that has signed in.

    Raises:
        Failed: It is for neither a project, a domain nor the system.
    """
    from keystoneauth1.identity import BaseIdentityPlugin

    if not isinstance(session.auth, BaseIdentityPlugin):
        return
    access = session.auth.get_access(session)
    if not (access.project_scoped or access.domain_scoped or access.system_scoped):
        raise Failed(AuthError(NO_PROJECT), False)


def check_region(connection: t.Any) -> None:
    """Raise where no service has an endpoint in the session's region.

    Args:
        connection: A connection of openstacksdk that has signed in.

    Raises:
        Failed: There is no such region.
    """
    from keystoneauth1.identity import BaseIdentityPlugin

    session, region = connection.session, connection.config.get_region_name()
    if not region or not isinstance(session.auth, BaseIdentityPlugin):
        return
    catalog: t.Any = session.auth.get_access(session).service_catalog
    listed = catalog.get_endpoints().values()
    endpoints = [endpoint for found in listed for endpoint in found]
    regions = {
        endpoint.get("region_id") or endpoint.get("region") for endpoint in endpoints
    }
    names = sorted(str(each) for each in regions if each)
    if names and region not in names:
        text = (
            f"region_name: there is no region {region!r} in this cloud"
            f"{did_you_mean(region, names)}; there are {', '.join(names)}"
        )
        raise Failed(NoEndpoint(text), False)


def refusal(session: t.Any, error: Exception) -> Failed:
    """Return what it means that no token came; it names Keystone and its address.

    Args:
        session: A session of keystoneauth.
        error: What its request for a token raised.
    """
    from keystoneauth1 import exceptions as ka

    where = _where(session.auth)
    if isinstance(error, Unusable):
        return Failed(ApiError(f"{where} answered with {error}"), False)
    if isinstance(error, ka.HttpError):
        return Failed(_refused(where, error), error.http_status in AGAIN)
    if isinstance(error, ka.AuthorizationFailure):
        return Failed(_not_accepted(where, error), False)
    if isinstance(error, ka.SSLError):
        text = f"{where}: {error}. Check ca_cert and validate_certs"
        return Failed(ApiError(text), False)
    text = f"{where} did not answer: {str(error).rstrip('.')}. Check auth_url"
    again = isinstance(error, ka.RetriableConnectionFailure)
    return Failed(ApiError(text), again)


def _where(auth: t.Any) -> str:
    address = getattr(auth, "auth_url", None)
    return f"Keystone at {_http.shown(address)}" if address else "Keystone"


def _refused(where: str, error: t.Any) -> CloudError:
    """Return the error for an answer of 400 or above."""
    status = error.http_status
    if status in (400, 401, 403):
        return _not_accepted(where, error)
    text = f"{where} refused to sign in: {error}"
    if status == 404:
        text += ". It is no address of an identity service: check auth_url"
    return ApiError(text, status=status, request_id=error.request_id)


def _not_accepted(where: str, error: t.Any) -> AuthError:
    """Return the error for credentials that Keystone refuses, or can't make use of."""
    remedy = "Check the user, the password or secret, the project and their domains"
    if "domain" in str(error):
        remedy = "Set user_domain_name and project_domain_name"
    return AuthError(
        f"{where} did not accept the credentials: {str(error).rstrip('.')}. {remedy} "
        "in auth, clouds.yaml or the environment variables OS_*",
        status=getattr(error, "http_status", None) or None,
        request_id=getattr(error, "request_id", None),
    )
