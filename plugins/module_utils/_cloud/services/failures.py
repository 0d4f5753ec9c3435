# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed request means: a typed error, and whether it was sent at all."""

from __future__ import annotations

import json
import re
import typing as t

from ..engine.errors import (
    ApiError,
    AuthError,
    CloudError,
    Conflict,
    InvalidInput,
    NoEndpoint,
    NotFound,
    ResourceError,
)

_QUOTA = re.compile(r"quota|limit exceeded|maximum .* (number|per project)", re.I)
BUSY = (429, 503)
GATEWAY = (502, 504)
AGAIN = BUSY + GATEWAY
"""Statuses after which a read may be sent again."""

_NO_CONNECTION = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


class Failed(Exception):
    """A request failed. It may be sent again where `again` says so.

    `unclear` says that it is a write which may have been done.
    """

    def __init__(
        self,
        error: CloudError,
        again: bool,
        pause: float = 0.0,
        unclear: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.pause = pause
        self.unclear = unclear


def never_sent(error: BaseException) -> bool:
    """Return whether the connection was never made, so that nothing was executed.

    keystoneauth reports a refused connection and one that broke after the request
    with the same type; the cause tells them apart.
    """
    seen: BaseException | None = error
    while seen is not None:
        # requests wraps urllib3's errors as arguments or reasons, not as causes.
        for part in (seen, getattr(seen, "reason", None), *seen.args):
            reason = getattr(part, "reason", part)
            if type(reason).__name__ in _NO_CONNECTION:
                return True
        seen = seen.__cause__ or seen.__context__
    return False


def request_id(answer: t.Any) -> str | None:
    """Return the service's id of the request, None where it sent none."""
    for header in ("x-openstack-request-id", "x-compute-request-id"):
        if answer.headers.get(header):
            return str(answer.headers[header])
    return None


def answer_error(name: str, method: str, path: str, answer: t.Any) -> CloudError:
    """Return the typed error for an answer of 400 or above."""
    status = answer.status_code
    message = message_of(answer)
    kind: type[CloudError] = ApiError
    if status == 401:
        kind = AuthError
    elif status == 413 or (status == 403 and _QUOTA.search(message)):
        kind = ResourceError
    elif status == 403:
        kind = AuthError
    elif status == 404:
        kind = NotFound
    elif status == 409:
        kind = Conflict
    elif status == 400:
        kind = InvalidInput
    return kind(
        f"{name} answered {status} to {method} {path.split('?')[0]}: {message}",
        status=status,
        request_id=request_id(answer),
    )


def message_of(answer: t.Any) -> str:
    """Return what a service says in its error, in whichever of their forms."""
    try:
        body = answer.json()
    except ValueError:
        text = re.sub(r"<[^>]+>", " ", answer.text or "")
        return " ".join(text.split())[:500] or str(answer.reason)
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        errors = [e for e in body["errors"] if isinstance(e, dict)]
        messages = [str(e.get("detail") or e.get("title")) for e in errors]
        return "; ".join(messages) or str(answer.reason)
    return _first_message(body) or json.dumps(body)[:500]


def _first_message(body: t.Any) -> str | None:
    """Return the first `message` in an error body, however deep it is in there."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("message"), str):
        return t.cast(str, body["message"])
    for value in body.values():
        message = _first_message(value)
        if message:
            return message
    return None


def client_error(name: str, error: Exception) -> CloudError:
    """Return the typed error for a failure before the service itself was asked."""
    from keystoneauth1 import exceptions as ka

    status = getattr(error, "http_status", None) or None
    ident = getattr(error, "request_id", None)
    refused = (
        ka.Unauthorized,
        ka.Forbidden,
        ka.AuthorizationFailure,
        ka.AuthPluginException,
    )
    if isinstance(error, refused):
        text = (
            f"Keystone did not accept the credentials: {str(error).rstrip('.')}. Check "
            "auth, clouds.yaml or the environment variables OS_*"
        )
        return AuthError(text, status=status, request_id=ident)
    if isinstance(error, ka.CatalogException):
        return NoEndpoint(no_endpoint(name, error))
    if isinstance(error, ka.SSLError):
        return ApiError(
            f"{name} can't be used: {error}. Check ca_cert and validate_certs"
        )
    return ApiError(f"{name} can't be used: {error}", status=status, request_id=ident)


def no_endpoint(name: str, error: Exception) -> str:
    """Return the message for a service that the catalogue does not lead to."""
    return (
        f"The cloud has no usable endpoint for {name}: {str(error).rstrip('.')}. "
        "Check region_name and interface."
    )
