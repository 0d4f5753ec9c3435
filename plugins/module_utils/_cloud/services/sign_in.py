# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in at Keystone, apart from the requests to all other services."""

from __future__ import annotations

import typing as t

from ... import _http
from ..engine.errors import ApiError, AuthError, CloudError
from .failures import AGAIN, Failed
from .transport import Unusable

NO_PROJECT = (
    "The credentials are not scoped to a project. Set project_name or project_id in "
    "auth, clouds.yaml or the environment variables OS_*"
)


def sign_in(session: t.Any) -> None:
    """Get a token, or keep the one that there is.

    Args:
        session: A session of keystoneauth.

    Raises:
        Failed: Keystone gave none; the message names Keystone and its address.
    """
    from keystoneauth1 import exceptions as ka

    where = _where(session.auth)
    try:
        session.get_token()
    except Unusable as error:
        text = f"{where} answered with {error}"
        raise Failed(ApiError(text), False) from error
    except ka.HttpError as error:
        again = error.http_status in AGAIN
        raise Failed(_refused(where, error), again) from error
    except ka.AuthorizationFailure as error:
        raise Failed(_not_accepted(where, error), False) from error
    except ka.SSLError as error:
        text = f"{where}: {error}. Check ca_cert and validate_certs"
        raise Failed(ApiError(text), False) from error
    except ka.ClientException as error:
        text = f"{where} did not answer: {str(error).rstrip('.')}. Check auth_url"
        again = isinstance(error, ka.RetriableConnectionFailure)
        raise Failed(ApiError(text), again) from error


def check_scope(session: t.Any) -> None:
    """Raise where a token is for nothing: it has no catalog of services.

    Args:
        session: One that has signed in.

    Raises:
        Failed: Neither a project, a domain nor the system was named.
    """
    from keystoneauth1.identity import BaseIdentityPlugin

    if not isinstance(session.auth, BaseIdentityPlugin):
        return
    access = session.auth.get_access(session)
    if not (access.project_scoped or access.domain_scoped or access.system_scoped):
        raise Failed(AuthError(NO_PROJECT), False)


def _where(auth: t.Any) -> str:
    address = getattr(auth, "auth_url", None)
    return f"Keystone at {_http.shown(address)}" if address else "Keystone"


def _refused(where: str, error: t.Any) -> CloudError:
    """Return the error for an answer of 400 or above."""
    status = error.http_status
    if status in (400, 401, 403):
        return _not_accepted(where, error)
    text = f"{where}: {error}"
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
