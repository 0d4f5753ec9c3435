# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One OpenStack service's REST API: requests, retries, errors.

It stands on an adapter of openstacksdk (a keystoneauth adapter), which knows
endpoints and tokens, and adds what the SDK leaves to its callers: which request
may be sent again, errors with a type, and paging.
"""

from __future__ import annotations

import contextlib
import json
import re
import typing as t
from urllib.parse import urlsplit

from .clock import Clock, growing
from .errors import (
    ApiError,
    AuthError,
    CloudError,
    Conflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ResourceError,
)

RETRIES = 6
"""How often a request is sent again, with pauses of 0.5 to 8 s (20 s in all)."""

T = t.TypeVar("T")

_BUSY = (429, 503)
_GATEWAY = (502, 504)
_QUOTA = re.compile(r"quota|limit exceeded|maximum .* (number|per project)", re.I)


class Api:
    """Requests to one service.

    Args:
        name: The service's name for messages ("Magnum").
        connect: Makes the adapter. It may ask the service for its versions, so it
            is called with the first request and repeated like a read.
        clock: Limits the pauses between retries.
    """

    def __init__(self, name: str, connect: t.Callable[[], t.Any], clock: Clock) -> None:
        """Send nothing yet."""
        self.name = name
        self.clock = clock
        self._connect = connect
        self._adapter: t.Any = None

    # Reads ------------------------------------------------------------------

    def get(
        self, path: str, params: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Read one resource.

        Raises:
            NotFound: The answer was 404.
        """
        return self.send("GET", path, params=params).body

    def find(
        self, path: str, params: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any] | None:
        """Read one resource, None where the answer is 404."""
        try:
            return self.get(path, params)
        except NotFound:
            return None

    def list(
        self, path: str, key: str, params: dict[str, t.Any] | None = None
    ) -> list[dict[str, t.Any]]:
        """Read all pages of a list.

        Args:
            path: Path below the service's endpoint.
            key: The answer's key that holds the list.
            params: Query parameters of the first page.
        """
        return [item for page in self.pages(path, key, params) for item in page]

    def pages(
        self, path: str, key: str, params: dict[str, t.Any] | None = None
    ) -> t.Iterator[t.Sequence[dict[str, t.Any]]]:
        """Read a list page by page, for those who keep little of each."""
        page: str | None = path
        while page:
            answer = self.get(page, params)
            yield answer.get(key) or []
            query, params = _next_query(answer, key), None
            page = f"{path}?{query}" if query else None

    # Writes -----------------------------------------------------------------

    def create(self, path: str, body: dict[str, t.Any]) -> dict[str, t.Any]:
        """Send a POST that makes a resource: once, whatever happens.

        It is sent again only where it surely was not accepted: the connection was
        refused, or the answer was 429.

        Raises:
            OutcomeUnknown: It was sent, and whether it was done is not known.
        """
        return self.send("POST", path, json=body, once=True).body

    def post(self, path: str, body: t.Any) -> dict[str, t.Any]:
        """Send a POST that may be repeated without harm (an action to a state)."""
        return self.send("POST", path, json=body).body

    def put(self, path: str, body: t.Any) -> dict[str, t.Any]:
        """Send a PUT."""
        return self.send("PUT", path, json=body).body

    def patch(self, path: str, body: t.Any) -> dict[str, t.Any]:
        """Send a PATCH that sets values (and so may be repeated)."""
        return self.send("PATCH", path, json=body).body

    def delete(self, path: str) -> None:
        """Delete; what is gone already is no error."""
        with contextlib.suppress(NotFound):
            self.send("DELETE", path)

    # How --------------------------------------------------------------------

    def headers(self) -> dict[str, str]:
        """What each request carries; services with microversions add theirs."""
        return {"Accept": "application/json"}

    def send(
        self,
        method: str,
        path: str,
        *,
        once: bool = False,
        headers: dict[str, str] | None = None,
        **kwargs: t.Any,
    ) -> Answer:
        """Send a request, and again where that is safe.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Path below the service's endpoint.
            once: The request may be executed at most once.
            headers: In place of the service's own.
            kwargs: C(params) or C(json).
        """
        if headers is None:
            headers = self.headers()
        return self._retry(
            lambda: self._exchange(method, path, once, headers=headers, **kwargs)
        )

    def sign_in(self) -> None:
        """Get endpoint and token ready, with the retries of a read."""
        self._retry(lambda: None)

    def _retry(self, exchange: t.Callable[[], T]) -> T:
        """Sign in, then do it; again where that is safe."""
        pauses = growing(0.5, 2, 8)
        unclear = False
        for attempt in range(RETRIES + 1):
            try:
                self._sign_in()
                return exchange()
            except _Failed as failed:
                unclear = unclear or failed.unclear
                last = not failed.again or attempt == RETRIES
                if last or not self.clock.pause(max(next(pauses), failed.pause)):
                    failed.error.unclear = unclear
                    raise failed.error from None
        raise AssertionError("unreachable")

    def _sign_in(self) -> None:
        """Get endpoint and token ready, apart from the request itself.

        A failure here means that the request was not sent, and so may be repeated.
        """
        from keystoneauth1 import exceptions as ka
        from openstack import exceptions as sdk

        try:
            if self._adapter is None:
                self._adapter = self._connect()
            self._adapter.get_token()
        except sdk.SDKException as error:
            # Not in the catalogue at all, or it could not say its versions just now.
            again = not isinstance(error, sdk.ConfigException)
            raise _Failed(_no_endpoint(self.name, error), again) from error
        except ka.HttpError as error:
            again = error.http_status in _BUSY + _GATEWAY
            raise _Failed(client_error(self.name, error), again) from error
        except ka.ClientException as error:
            again = isinstance(error, ka.RetriableConnectionFailure)
            raise _Failed(client_error(self.name, error), again) from error

    def _exchange(self, method: str, path: str, once: bool, **kwargs: t.Any) -> Answer:
        """Send a request, one time."""
        from keystoneauth1 import exceptions as ka

        # After a failure half-way, a create may have been executed.
        unknown: type[CloudError] = OutcomeUnknown if once else ApiError
        write = method != "GET"
        try:
            # The adapter's own retries are off: they would repeat a create.
            answer = self._adapter.request(
                path,
                method,
                raise_exc=False,
                connect_retries=0,
                status_code_retries=0,
                **kwargs,
            )
        except (ka.SSLError, ka.CatalogException) as error:
            raise _Failed(client_error(self.name, error), False) from error
        except ka.ConnectionError as error:
            text = f"{self.name} did not answer {method} {path}: {error}"
            if never_sent(error):
                raise _Failed(ApiError(text), True) from error
            raise _Failed(unknown(text), not once, unclear=write) from error
        except ka.ClientException as error:
            raise _Failed(client_error(self.name, error), False) from error
        status = answer.status_code
        if status >= 400:
            failure = answer_error(self.name, method, path, answer)
            if status in _GATEWAY and once:
                failure = OutcomeUnknown(
                    failure.message, status=status, request_id=failure.request_id
                )
            again = status == 429 or (status in _BUSY + _GATEWAY and not once)
            unclear = write and status >= 500
            raise _Failed(failure, again, _retry_after(answer), unclear)
        # A read and a create say what there is; all else may answer nothing.
        silent = not answer.content and method != "GET" and not once
        try:
            body = {} if silent else answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            # Cut short, or from something between the service and us.
            failure = unknown(
                f"{self.name} answered {method} {path} with something that is not "
                "a JSON object",
                status=status,
                request_id=request_id(answer),
            )
            raise _Failed(failure, not once, unclear=write)
        return Answer(body, answer.headers)


class Answer(t.NamedTuple):
    """What a service answered."""

    body: dict[str, t.Any]
    headers: t.Mapping[str, str]


class _Failed(Exception):
    """A request failed. It may be sent again where C(again) says so.

    C(unclear) says that it is a write which may have been done.
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


_NO_CONNECTION = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def never_sent(error: BaseException) -> bool:
    """Whether the connection was never made, so that nothing was executed.

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
    """The service's id of the request, None where it sent none."""
    for header in ("x-openstack-request-id", "x-compute-request-id"):
        if answer.headers.get(header):
            return str(answer.headers[header])
    return None


def answer_error(name: str, method: str, path: str, answer: t.Any) -> CloudError:
    """The typed error for an answer of 400 or above."""
    status = answer.status_code
    said = message_of(answer)
    kind: type[CloudError] = ApiError
    if status == 401:
        kind = AuthError
    elif status == 413 or (status == 403 and _QUOTA.search(said)):
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
        f"{name} answered {status} to {method} {path.split('?')[0]}: {said}",
        status=status,
        request_id=request_id(answer),
    )


def message_of(answer: t.Any) -> str:
    """What a service says in its error, in whichever of their forms."""
    try:
        body = answer.json()
    except ValueError:
        text = re.sub(r"<[^>]+>", " ", answer.text or "")
        return " ".join(text.split())[:500] or str(answer.reason)
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        errors = [e for e in body["errors"] if isinstance(e, dict)]
        said = [str(e.get("detail") or e.get("title")) for e in errors]
        return "; ".join(said) or str(answer.reason)
    found = _first_message(body)
    return found or json.dumps(body)[:500]


def _first_message(body: t.Any) -> str | None:
    """The first C(message) in a nested error body (Nova, Neutron, Heat, Keystone)."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("message"), str):
        return t.cast(str, body["message"])
    for value in body.values():
        found = _first_message(value)
        if found:
            return found
    return None


def client_error(name: str, error: Exception) -> CloudError:
    """The typed error for a failure before the service itself was asked."""
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
        text = f"Keystone did not accept the credentials: {error}"
        return AuthError(text, status=status, request_id=ident)
    if isinstance(error, ka.CatalogException):
        return _no_endpoint(name, error)
    if isinstance(error, ka.SSLError):
        return ApiError(f"{name}: {error}. Check ca_cert and validate_certs.")
    return ApiError(f"{name}: {error}", status=status, request_id=ident)


def _no_endpoint(name: str, error: Exception) -> ApiError:
    return ApiError(
        f"The cloud has no usable endpoint for {name}: {str(error).rstrip('.')}. "
        "Check region_name and interface."
    )


def _retry_after(answer: t.Any) -> float:
    """Seconds that a 429 asks to wait, at most 60."""
    try:
        return min(60.0, max(0.0, float(answer.headers.get("Retry-After", 0))))
    except ValueError:
        return 0.0


def _next_query(answer: dict[str, t.Any], key: str) -> str | None:
    """The query string of the next page.

    Magnum answers C(next), Nova and Neutron C(KEY_links). Of these URLs only the
    query is of use: their host is often not the one that this client reaches.
    """
    url = answer.get("next")
    for link in answer.get(f"{key}_links") or []:
        if link.get("rel") == "next":
            url = link.get("href")
    return urlsplit(str(url)).query if url else None
