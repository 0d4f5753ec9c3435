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
import typing as t
from urllib.parse import urlsplit

from ... import _http
from ..engine.clock import Clock
from ..engine.errors import (
    ApiError,
    CloudError,
    InvalidInput,
    NoEndpoint,
    NotFound,
    OutcomeUnknown,
)
from .exact import ExactNames
from .failures import (
    AGAIN,
    GATEWAY,
    Failed,
    answer_error,
    client_error,
    never_sent,
    no_endpoint,
    request_id,
)
from .sign_in import check_region, check_scope, refusal
from .transport import Unusable

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds to wait before a request is sent again."""

MOST_PAGES = 1000
MOST_OF_LIST = 2 * _http.MOST_BYTES
"""Pages and bytes of a list; 10,000 servers take ten pages and 30 MB."""

T = t.TypeVar("T")


class Api:
    """Requests to one service.

    Args:
        name: The service's name for messages ("Magnum").
        connect: Makes the adapter. It may ask the service for its versions, so it
            is called with the first request and repeated like a read.
        clock: Limits the pauses between retries.
        microversion: Service type and microversion of all requests ("compute 2.61").

    Attributes:
        unsettled: Paths that begin so are answered with 400 for a moment, around a
            creation or deletion. Such a read is repeated.
        exact: Compares names, which the service itself may not do exactly.
        needed_for: Says, in messages, what the service is needed for.
    """

    unsettled: str | None = None
    needed_for = ""

    def __init__(
        self,
        name: str,
        connect: t.Callable[[], t.Any],
        clock: Clock,
        microversion: str = "",
    ) -> None:
        self.name = name
        self.clock = clock
        self.microversion = microversion
        self.exact = ExactNames()
        self._connect = connect
        self._adapter: t.Any = None
        self._received = 0

    # Reads ------------------------------------------------------------------

    def get(
        self, path: str, params: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Read one resource.

        Raises:
            NotFound: The answer was 404.
        """
        pauses: t.Sequence[float] = ()
        if self.unsettled and path.startswith(self.unsettled):
            pauses = (0.5, 1, 2)
        for pause in pauses:
            try:
                return self.send("GET", path, params=params).body
            except InvalidInput:
                if not self.clock.pause(pause):
                    raise
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
        """Read a list page by page, for those who keep little of each.

        Raises:
            ApiError: It does not end: a page is repeated, or it is longer than any
                usual list, or its further pages take longer than the task may.
        """
        page: str | None = path
        seen: set[str] = set()
        before = self._received
        while page:
            answer = self.get(page, params)
            yield answer.get(key) or []
            query, params = _next_query(answer, key), None
            page = f"{path}?{query}" if query else None
            if not page:
                return
            size = self._received - before
            if page in seen or len(seen) + 1 >= MOST_PAGES or size > MOST_OF_LIST:
                raise ApiError(
                    f"{self.name} lists {path} without end: after {len(seen) + 1} "
                    f"pages and {size >> 20} MiB it refers to another one"
                )
            if not self.clock.remaining():
                raise ApiError(
                    f"{self.name} has listed {len(seen) + 1} pages of {path}, and the "
                    f"time for the whole task is over ({self.clock.timeout:g} s)"
                )
            seen.add(page)

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

    def negotiate(self) -> str:
        """Find out the microversion, where the service does not say it beforehand.

        This is asked before the first request, and for as long as it returns nothing.
        """
        return ""

    def send(
        self,
        method: str,
        path: str,
        *,
        once: bool = False,
        plain: bool = False,
        **kwargs: t.Any,
    ) -> Answer:
        """Send a request, and again where that is safe.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Path below the service's endpoint.
            once: The request may be executed at most once.
            plain: Without a microversion.
            kwargs: `params` or `json`.
        """
        headers = {"Accept": "application/json"}
        if not plain:
            self.microversion = self.microversion or self.negotiate()
            if self.microversion:
                headers["OpenStack-API-Version"] = self.microversion
        return self._retry(
            lambda: self._exchange(method, path, once, headers=headers, **kwargs)
        )

    def sign_in(self) -> None:
        """Get endpoint and token ready, with the retries of a read."""
        self._retry(lambda: None)

    def _retry(self, exchange: t.Callable[[], T]) -> T:
        """Sign in, then do it; again where that is safe."""
        unclear = False
        for pause in (*PAUSES, None):
            try:
                self._sign_in()
                return exchange()
            except Failed as failed:
                unclear = unclear or failed.unclear
                if (
                    pause is None
                    or not failed.again
                    or not self.clock.pause(max(pause, failed.pause))
                ):
                    failed.error.unclear = unclear
                    raise failed.error from None
        raise AssertionError("unreachable")

    def _sign_in(self) -> None:
        """Get endpoint and token ready, apart from the request itself.

        A failure here means that the request was not sent, and so may be repeated.
        """
        from keystoneauth1 import exceptions as ka
        from openstack import exceptions as sdk

        if self._adapter is not None:
            _get_token(self._adapter.session)
            return
        try:
            self._adapter = self._connect()
        except Unusable as error:
            text = f"{self.name} answered with {error}"
            raise Failed(ApiError(text), False) from error
        except sdk.SDKException as error:
            # Not in the catalogue at all, or it could not say its versions just now.
            again = not isinstance(error, sdk.ConfigException)
            kind = ApiError if again else NoEndpoint
            raise Failed(self._no_endpoint(error, kind), again) from error
        except ka.CatalogException as error:
            raise Failed(self._no_endpoint(error, NoEndpoint), False) from error
        except ka.HttpError as error:
            again = error.http_status in AGAIN
            raise Failed(client_error(self.name, error), again) from error
        except ka.ClientException as error:
            again = isinstance(error, ka.RetriableConnectionFailure)
            raise Failed(client_error(self.name, error), again) from error

    def _no_endpoint(self, error: Exception, kind: type[ApiError]) -> ApiError:
        text = " ".join(filter(None, [no_endpoint(self.name, error), self.needed_for]))
        return kind(text)

    def _exchange(self, method: str, path: str, once: bool, **kwargs: t.Any) -> Answer:
        """Send a request, one time."""
        from keystoneauth1 import exceptions as ka

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
        except Unusable as error:
            text = f"{self.name} answered {method} {path} with {error}"
            raise self._broken(text, method, once, again=False) from error
        except (ka.SSLError, ka.CatalogException) as error:
            raise Failed(client_error(self.name, error), False) from error
        except ka.ConnectionError as error:
            text = f"{self.name} did not answer {method} {path}: {error}"
            if never_sent(error):
                raise Failed(ApiError(text), True) from error
            raise self._broken(text, method, once) from error
        except ka.ClientException as error:
            raise Failed(client_error(self.name, error), False) from error
        self._received += len(answer.content)
        return Answer(self._body(answer, method, path, once), answer.headers)

    def _body(
        self, answer: t.Any, method: str, path: str, once: bool
    ) -> dict[str, t.Any]:
        """Return the JSON object of an answer, or raise what the answer means."""
        try:
            # Of redirects only those that were not followed, as they lead nowhere.
            if answer.status_code >= 300:
                raise self._refused(answer, method, path, once)
            # A read and a create say what there is; all else may answer nothing.
            silent = not answer.content and method != "GET" and not once
            body = {} if silent else answer.json()
        except Unusable as error:
            text = f"{self.name} answered {method} {path} with {error}"
            raise self._broken(text, method, once, answer, again=False) from error
        except ValueError:
            body = None
        if not isinstance(body, dict):
            # Cut short, or from something between the service and us.
            text = (
                f"{self.name} answered {method} {path} with something that is not "
                "a JSON object"
            )
            raise self._broken(text, method, once, answer)
        return body

    def _refused(self, answer: t.Any, method: str, path: str, once: bool) -> Failed:
        """Return the failure for an answer of 400 or above."""
        status = answer.status_code
        failure = answer_error(self.name, method, path, answer)
        if status in GATEWAY and once:
            failure = OutcomeUnknown(
                failure.message, status=status, request_id=failure.request_id
            )
        again = status == 429 or (status in AGAIN and not once)
        unclear = method != "GET" and status >= 500
        return Failed(failure, again, _retry_after(answer), unclear)

    def _broken(
        self,
        message: str,
        method: str,
        once: bool,
        answer: t.Any = None,
        again: bool = True,
    ) -> Failed:
        """Return the failure for a request that broke half-way.

        A create may have been executed all the same, and so must not be repeated.
        """
        kind: type[CloudError] = OutcomeUnknown if once else ApiError
        error = kind(message)
        if answer is not None:
            error.status, error.request_id = answer.status_code, request_id(answer)
        return Failed(error, again and not once, unclear=method != "GET")


def connect_to(connection: t.Any, service: str) -> t.Any:
    """Return the adapter of a service, which may be asked for its versions.

    Keystone is asked first, so that its failures are not taken for the service's.

    Args:
        connection: A connection of openstacksdk.
        service: The service, as openstacksdk calls it.

    Raises:
        Failed: Keystone gave no token, or one for nothing; or no such region is there.
    """
    from keystoneauth1 import exceptions as ka
    from openstack import exceptions as sdk

    _get_token(connection.session)
    try:
        adapter = getattr(connection, service)
        adapter.get_token()  # for a service without an endpoint, it fails here
    except (sdk.ConfigException, ka.CatalogException):
        check_scope(connection.session)
        check_region(connection)
        raise
    return adapter


def _get_token(session: t.Any) -> None:
    """Sign in at Keystone, unless there is a token that is still good."""
    from keystoneauth1 import exceptions as ka

    try:
        session.get_token()
    except (Unusable, ka.ClientException) as error:
        raise refusal(session, error) from error


class Answer(t.NamedTuple):
    """What a service answered."""

    body: dict[str, t.Any]
    headers: t.Mapping[str, str]


def _retry_after(answer: t.Any) -> float:
    """Return the seconds that a 429 asks to wait, at most 60."""
    try:
        return min(60.0, max(0.0, float(answer.headers.get("Retry-After", 0))))
    except ValueError:
        return 0.0


def _next_query(answer: dict[str, t.Any], key: str) -> str | None:
    """Return the query string of the next page.

    Magnum answers `next`, Nova and Neutron `KEY_links`. Of these URLs only the
    query is of use: their host is often not the one that this client reaches.
    """
    url = answer.get("next")
    for link in answer.get(f"{key}_links") or []:
        if link.get("rel") == "next":
            url = link.get("href")
    return urlsplit(str(url)).query if url else None
