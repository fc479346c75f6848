"""The answers of a REST service, page by page as the data map says: half a list and an endless one are errors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.http import Absent, Service
from dsar.errors import SourceBroken
from dsar.restmap import LookUp, Pages


def pages(client: Service, how: LookUp) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the records, page by page; raises `Absent` for the first page alone, `SourceBroken` where pages repeat or some are missing."""
    query, path, came = dict(how.query), how.path, 0
    seen: set[str] = set()
    while True:
        body = {**how.body, **{k: v for k, v in query.items() if k not in how.query}} if how.method == "POST" else None
        try:
            answer, response = client.ask(how.method, path, query=how.query if body is not None else query, body=body)
        except Absent as error:
            if not seen:
                raise
            raise SourceBroken("a page is missing (status 404)", where=client.at, remedy="mend `pages` in dsar.toml, or collect again") from error
        page = records(answer, how.records, client.at)
        yield page
        came += len(page)
        following = _next(how.pages, answer, response, page, came, client.at) if how.pages else None
        if following is None or how.pages is None:
            return
        if following in seen:
            raise SourceBroken("the service repeats a page", where=client.at, remedy="mend `pages` in dsar.toml, or collect again")
        seen.add(following)
        if how.pages.by == "link":
            path, query = _same_host(client, response, following), {}
        else:
            query = {**query, how.pages.parameter: following}


def _same_host(client: Service, response: Any, link: str) -> str:
    """Return where a link leads, which counts from the page that it stands on (RFC 8288, section 3.2)."""
    import httpx

    def host(url: Any) -> tuple[object, ...]:
        return url.scheme, url.host, url.port

    try:
        address = response.url.join(link)
    except httpx.InvalidURL as error:
        raise SourceBroken("the address of the next page is none", where=client.at, remedy="look at the service") from error
    if host(address) != host(client.client.base_url):
        raise SourceBroken("the next page is on another host", where=client.at, remedy="a key is never sent elsewhere: look at the service")
    return str(address)


def _next(pages: Pages, answer: Any, response: Any, page: Sequence[Mapping[str, Any]], came: int, at: str) -> str | None:
    match pages.by:
        case "cursor":
            found = _at(answer, pages.next)
        case "last":
            found = page[-1].get(pages.key) if _at(answer, pages.more) and page else None
            if _at(answer, pages.more) and not page:
                raise SourceBroken("a page is missing", where=at, remedy="collect again")
        case "offset":
            total = _at(answer, pages.total)
            if not isinstance(total, int):
                raise SourceBroken("a page does not say how many records there are", where=at, remedy="mend `pages.total` in dsar.toml")
            if came < total and not page:
                raise SourceBroken("a page is missing", where=at, remedy="collect again")
            found = came if came < total else None
        case "link":
            found = _at(answer, pages.next) if pages.next else response.links.get("next", {}).get("url")
    if pages.by != "offset" and pages.total and not found and isinstance(_at(answer, pages.total), int) and came < _at(answer, pages.total):
        raise SourceBroken("a page is missing", where=at, remedy="collect again")
    return str(found) if found not in {None, ""} else None


def records(answer: Any, where: str, at: str) -> list[Mapping[str, Any]]:
    """Return the records of one answer, which stand at the dotted path `where`; raises `SourceBroken` where they do not."""
    found = _at(answer, where) if where else answer
    page = found if isinstance(found, list) else [found]
    if (where and not isinstance(found, list)) or not all(isinstance(record, dict) for record in page):
        raise SourceBroken("the answer is not made as the map says", where=at, remedy="mend `records` in dsar.toml, or collect again")
    return page


def _at(answer: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
