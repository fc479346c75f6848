r"""How a web server writes its lines: named formats, nginx's `log_format` and Apache's `LogFormat` strings, JSON.

A format becomes a parser: bytes of a line → what each variable holds, under nginx's names, or None where
the line is not as the format says. Text stays as the server escaped it (`\x22`, `\xC3\xAB`); bytes that are no
UTF-8 are written the same way, so that nothing is lost.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

Fields = Mapping[str, str]
Parser = Callable[[bytes], Fields | None]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
NAMED = {
    "common": _COMMON,
    "combined": f'{_COMMON} "$http_referer" "$http_user_agent"',
    "vhost": f'$host:$server_port {_COMMON} "$http_referer" "$http_user_agent"',
}
_APACHE = {
    "%h": "$remote_addr", "%a": "$remote_addr",
    "%l": "$remote_ident", "%u": "$remote_user", "%t": "[$time_local]", "%r": "$request", "%>s": "$status",
    "%s": "$status", "%b": "$body_bytes_sent", "%B": "$body_bytes_sent", "%O": "$bytes_sent", "%v": "$host", "%V": "$host", "%p": "$server_port",
    "%D": "$request_time", "%T": "$request_time", "%{Referer}i": "$http_referer", "%{User-Agent}i": "$http_user_agent",
    "%{User-agent}i": "$http_user_agent", "%{X-Forwarded-For}i": "$http_x_forwarded_for", "%{Forwarded}i": "$http_forwarded", "%%": "%",
}  # fmt: skip
_QUOTED, _NUMBER = r'(?:[^"\\]|\\.)*', r"\d+|-"
_OF_NUMBER = {"status", "body_bytes_sent", "bytes_sent", "server_port"}
_EMAIL = re.compile(r"[^\s@&=?;,/\"'<>]+@[\w-]+(?:\.[\w-]+)+")


def parser(written: str) -> Parser:
    """Return the parser of a format; raises `ValueError` where it names no client address."""
    if written == "json":
        return _json
    template = _template(written)
    if "$remote_addr" not in template and "$http_x_forwarded_for" not in template:
        raise ValueError("names no client address ($remote_addr)")
    pattern = re.compile(_pattern(template).encode(), re.DOTALL)

    def parse(line: bytes) -> Fields | None:
        found = pattern.fullmatch(line)
        return {name: text(value) for name, value in found.groupdict().items()} if found else None

    return parse


def rewritten(written: str, line: bytes, new: Mapping[str, str]) -> bytes | None:
    """Return a line of a format with new values; a variable without one becomes `-`. None where the line is not as the format says."""
    if written == "json":
        fields = _json(line)
        return json.dumps({name: new.get(name, "-") for name in fields}, ensure_ascii=False).encode() if fields else None
    if parser(written)(line) is None:
        return None
    return re.sub(r"\$\{?(\w+)\}?", lambda variable: new.get(variable[1], "-"), _template(written)).encode()


def _template(written: str) -> str:
    """Return a format as nginx would write it."""
    template = NAMED.get(written, written)
    return template if "$" in template else re.sub(r"%(?:>?[A-Za-z%]|\{[^}]+\}[a-z])", _of_apache, template.replace('\\"', '"'))


def _of_apache(directive: re.Match[str]) -> str:
    return _APACHE.get(directive[0], "$x_" + re.sub(r"\W", "_", directive[0]))


def _pattern(template: str) -> str:
    pieces = re.split(r"\$\{?(\w+)\}?", template)
    pattern, seen = re.escape(pieces[0]), set()
    for name, before, after in zip(pieces[1::2], pieces[:-1:2], pieces[2::2], strict=True):
        if before.endswith('"') and after.startswith('"'):
            inner = _QUOTED
        elif name in _OF_NUMBER:
            inner = _NUMBER
        elif name == "remote_user":
            inner = ".*?"  # may hold blanks
        else:
            inner = f"[^{re.escape(after[0])}]*" if after else ".*"
        pattern += (f"(?P={name})" if name in seen else f"(?P<{name}>{inner})") + re.escape(after)
        seen.add(name)
    return pattern


def _json(line: bytes) -> Fields | None:
    # nginx's escape=json can write lines that are not valid UTF-8.
    try:
        found = json.loads(line.decode("utf-8", "backslashreplace").replace("\\x", "\\\\x"), parse_float=str, parse_int=str)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {str(k): v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in found.items() if v is not None}


def text(found: bytes) -> str:
    """Return the text of a field; bytes that are no UTF-8 as the server would have escaped them."""
    return found.decode("utf-8", "backslashreplace")


def client_of(fields: Fields, trusted: Sequence[Network]) -> str:
    """Return the client's address: the nearest one that no trusted proxy bears (RFC 7239, X-Forwarded-For)."""
    here = fields.get("remote_addr", "")
    if not trusted or not _is_trusted(here, tuple(trusted)):
        return here
    for hop in reversed(_hops(fields)):
        address = _bare(hop)
        if address is None:
            return here  # what a proxy does not know, or hides, nobody can follow further
        if not _is_trusted(address, tuple(trusted)):
            return address
        here = address
    return here


def _hops(fields: Fields) -> list[str]:
    chain = fields.get("http_x_forwarded_for", "-")
    if chain not in {"", "-"}:
        return [hop.strip() for hop in chain.split(",")]
    forwarded = fields.get("http_forwarded", "-").replace("\\x22", '"')
    return [m[1].strip('"') for hop in forwarded.split(",") if (m := re.search(r'(?i)\bfor=("[^"]*"|[^;,\s]+)', hop))]


@lru_cache(100_000)
def _bare(hop: str) -> str | None:
    """Return the address of a hop without port and brackets, or None where it is hidden."""
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9A-Fa-f:.]+)", hop)
    candidate = next((group for group in found.groups() if group), "") if found else ""
    try:
        return str(ipaddress.ip_address(candidate))
    except ValueError:
        return None


@lru_cache(100_000)
def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return any((mapped or known) in network for network in trusted if network.version == (mapped or known).version)


def emails_in(request: str) -> str | None:
    """Return the e-mail addresses in a request's address and query, percent signs decoded; several are parted by `; `."""
    if "@" not in request and "%40" not in request.lower() and "\\x40" not in request:
        return None
    target = request.split(" ")[1] if request.count(" ") >= 2 else request
    decoded = unquote(re.sub(r"\\x([0-9A-Fa-f]{2})", r"%\1", target).replace("%2540", "%40"))
    return "; ".join(dict.fromkeys(_EMAIL.findall(decoded))) or None
