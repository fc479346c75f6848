"""Calls to a service: one client, paced, tried again where the service asks for it; an answer is whole or an error.

httpx sends, httpx-retries waits and tries again (429 and 5xx, honouring Retry-After). Redirects are
not followed, since they would carry the key along. How the way is protected: `connectors.transport`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connectors import transport
from connectors.jsonrows import parsed
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.source import Settings

if TYPE_CHECKING:
    import httpx

_AGAIN = (429, 500, 502, 503, 504)
_WHY = {401: "the service refuses the key", 403: "the key may not read this", 404: "there is nothing at this address", 429: "too many calls"}


class Absent(Exception):
    """The service says that there is no such record (404)."""


class Service:
    """One read's calls to a service."""

    def __init__(self, settings: Settings, client: "httpx.Client", at: str) -> None:
        self.settings, self.client, self.at = settings, client, at
        self.calls = 0
        self.memory: dict[str, Any] = {}  # what one read need not ask twice
        self._earliest = 0.0

    def ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> tuple[Any, "httpx.Response"]:
        """Return the JSON of one answer, and the answer itself; raises `Absent` for 404, else `SourceBroken` or `SourceUnreachable`."""
        answer = self._send(method, path, query=query, body=body)
        return self._whole(answer), answer

    def tell(self, method: str, path: str, *, body: object = None) -> None:
        """Have a service do something; whatever it answers, 2xx means that it took it. Raises as `ask`."""
        answer = self._send(method, path, body=body)
        if answer.status_code == 404:
            raise Absent
        if not 200 <= answer.status_code < 300:
            why = _WHY.get(answer.status_code, "the service failed" if answer.status_code >= 500 else "the service refuses to do it")
            raise SourceBroken(f"{why} (status {answer.status_code})", where=self.at, remedy="mend the key or the map, then try again")

    def _send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> "httpx.Response":
        import httpx

        self._pace()
        try:
            return self.client.request(method, path, params=query or None, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise SourceUnreachable(
                f"the service cannot be reached ({type(error).__name__})", where=self.at, remedy="check that it is up, and its `url` in dsar.toml"
            ) from error
        except httpx.HTTPError as error:
            raise SourceBroken(f"the service broke off ({type(error).__name__})", where=self.at, remedy="collect again") from error

    def _pace(self) -> None:
        declared = self.settings.declared.rest
        self.calls += 1
        if self.calls > declared.calls:
            raise SourceBroken(
                f"more than {declared.calls} calls were needed", where=self.at, remedy="raise `rest.calls` in dsar.toml if that is right"
            )
        wait = self._earliest - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._earliest = time.monotonic() + 1 / declared.per_second

    def _whole(self, answer: "httpx.Response") -> Any:
        if answer.status_code == 404:
            raise Absent
        if answer.status_code != 200:
            why = _WHY.get(answer.status_code, "the service failed" if answer.status_code >= 500 else "the service refuses the question")
            raise SourceBroken(f"{why} (status {answer.status_code})", where=self.at, remedy="mend the key or the map, then collect again")
        try:
            return parsed(answer.content)
        except ValueError as error:
            # Never the answer's own words: they may quote a person's data.
            raise SourceBroken("the service's answer is no whole JSON", where=self.at, remedy="collect again") from error


@contextmanager
def service(settings: Settings, table: str, *, basic: bool = True) -> Iterator[Service]:
    """Yield a way to call the source's service; raises `SourceUnreachable` where its address is wrong.

    `basic` sends name and password with every call; without it, whoever asks logs in once.
    """
    at = f"{settings.name}.{table}" if table else f"sources.{settings.name}"
    try:
        import httpx
        from httpx_retries import Retry, RetryTransport
    except ImportError as error:
        raise SourceUnreachable("the client for services is not installed", where=at, remedy="pip install 'dsar[services]'") from error
    declared = settings.declared
    url = settings.expand(declared.url)
    transport.require(settings, url, "https")
    headers = {name: settings.expand(value) for name, value in declared.rest.headers.items()}
    proof = declared.rest.auth
    if proof.bearer:
        headers["Authorization"] = f"Bearer {settings.expand(proof.bearer)}"
    if proof.header:
        headers[proof.header] = settings.expand(proof.value)
    user, _, password = settings.expand(proof.basic).partition(":")
    again = Retry(
        total=4, allowed_methods=["GET", "POST"], status_forcelist=_AGAIN, backoff_factor=0.2, max_backoff_wait=30, total_timeout=declared.timeout
    )
    with httpx.Client(
        base_url=url,
        headers=headers,
        auth=(user, password) if proof.basic and basic else None,
        timeout=min(60, declared.timeout),
        transport=RetryTransport(transport=httpx.HTTPTransport(verify=transport.context(settings)), retry=again),
        trust_env=False,
    ) as client:
        yield Service(settings, client, at)
