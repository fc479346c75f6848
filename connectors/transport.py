"""How a connection is protected on its way: TLS that makes the server prove who it is, unless the map names why not.

What does not leave this machine (sockets, loopback, files) needs none. `ca` names the controller's own
certificate authorities; the public ones are certifi's. `without_tls` is the reason, on record, why a
source may be read without: `dsar check` says it each time.
"""

import os
import re
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlparse, urlsplit

import certifi
import sqlalchemy as sa

from dsar.errors import SourceUnreachable
from dsar.source import Settings

_ENCRYPTED = {"https", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "sftp", "ssh", "file", "local", "memory"}  # of stores fsspec knows
_ELSEWHERE = {
    "service",
    "read_default_file",
    "read_default_group",
    "option_files",
    "option_groups",
    "failover",
}  # arguments that name another host, or the file that does
_FILES = {"sqlite", "duckdb"}  # an address without a host is a file
_VERIFYING = {"", "psycopg", "psycopg2", "pymysql"}  # drivers that take what `_postgresql` and `_mysql` give them
# What an address of any other driver may say besides its host: ODBC takes one that stands in an argument, or in the middle of another's.
_HARMLESS, _WORD = {"driver", "encrypt", "trustservercertificate", "charset"}, re.compile(r"[\w .+-]*")
_LOCAL_SPARK = re.compile(r"local(-cluster)?(\[[\d*, ]+\])?")


def here(*hosts: str) -> bool:
    """Whether all these names of hosts, sockets among them, are this machine."""
    return all(_here(name) for host in hosts for name in str(host).split(","))


def _here(host: str) -> bool:
    if host in {"", "localhost"} or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host.strip("[]").split("%")[0]).is_loopback
    except ValueError:
        return False


def authorities(settings: Settings) -> str:
    """Return the file of certificate authorities that the source's server must be vouched for by."""
    return str(settings.root / settings.expand(settings.declared.ca)) if settings.declared.ca else certifi.where()


def context(settings: Settings, cafile: str | None = None) -> ssl.SSLContext:
    """Return what checks a server's certificate and name; raises `SourceUnreachable` where the authorities' file cannot be read."""
    try:
        return ssl.create_default_context(cafile=cafile or authorities(settings))
    except OSError as error:
        raise SourceUnreachable(
            f"the file of certificate authorities cannot be read ({type(error).__name__})",
            where=f"sources.{settings.name}.ca",
            remedy="name a file of certificates in PEM",
        ) from error


def of_database(settings: Settings, url: sa.URL) -> dict[str, Any]:
    """Return the driver's arguments by which a database has to prove who it is; raises `SourceUnreachable` where it would not have to."""
    if _stays_here(url) or settings.declared.without_tls:
        return {}
    backend, _, driver = url.drivername.partition("+")
    if backend in {"postgresql", "postgres"} and driver in _VERIFYING:
        return _postgresql(settings, url)
    if backend in {"mysql", "mariadb"} and driver in _VERIFYING:
        return _mysql(settings, url)
    raise _refused(settings, f"whether {backend}'s driver verifies the server's certificate cannot be seen from here")


def _stays_here(url: sa.URL) -> bool:
    backend, _, driver = url.drivername.partition("+")
    if backend in _FILES:
        return not url.host
    if _ELSEWHERE & {name.lower() for name in url.query}:
        return False
    if backend not in {"postgresql", "postgres", "mysql", "mariadb"} or driver not in _VERIFYING:
        said = all(name.lower() in _HARMLESS and _WORD.fullmatch(v) for name in url.query for v in _arguments(url, name))
        return bool(url.host and url.database) and said and here(url.host or "")  # without a database, ODBC takes the host for a name in a file
    named = [url.host or "", *_arguments(url, "host"), *_arguments(url, "hostaddr")]
    if backend in {"mysql", "mariadb"} and not any(named):
        return bool(_arguments(url, "unix_socket"))
    if backend in {"postgresql", "postgres"}:  # libpq reads these where the URL says nothing
        asked = {"PGSERVICE": "service", "PGHOSTADDR": "hostaddr", "PGHOST": "host" if not any(named) else ""}
        named += [os.environ[name] for name, key in asked.items() if name in os.environ and key and key not in url.query]
    return here(*named)


def _arguments(url: sa.URL, key: str) -> Sequence[str]:
    found = url.query.get(key, ())
    return (found,) if isinstance(found, str) else found


def _postgresql(settings: Settings, url: sa.URL) -> dict[str, Any]:
    modes = _arguments(url, "sslmode") or tuple(filter(None, [os.environ.get("PGSSLMODE")]))
    if any(mode != "verify-full" for mode in modes):
        raise _refused(settings, f"sslmode={modes[0]} does not make the server prove who it is")
    return {"sslmode": "verify-full", "sslrootcert": (*_arguments(url, "sslrootcert"), authorities(settings))[0]}


def _mysql(settings: Settings, url: sa.URL) -> dict[str, Any]:
    said = {key: str(value) for key, value in url.query.items() if key.startswith("ssl")}
    if said.get("ssl_check_hostname", "true").lower() not in {"true", "1"} or said.keys() & {"ssl_disabled", "ssl_verify_cert", "ssl_mode"}:
        raise _refused(settings, "its address turns the check of the server's certificate off")
    checked = context(settings, said.get("ssl_ca"))
    if "ssl_cert" in said:
        checked.load_cert_chain(said["ssl_cert"], said.get("ssl_key"))
    return {"ssl": checked}  # given so, PyMySQL refuses a server that offers no TLS


def require(settings: Settings, address: str, *encrypted: str) -> None:
    """Raise `SourceUnreachable` where an address of a service is neither of an encrypted scheme nor on this machine."""
    parts = urlsplit(address)
    if parts.scheme in encrypted or (parts.hostname is not None and here(parts.hostname)) or settings.declared.without_tls:
        return
    raise _refused(settings, f"its address is not {encrypted[0]}://")


def of_store(settings: Settings, address: str) -> None:
    """Raise `SourceUnreachable` where files would travel unencrypted, by any part of a chained address (`a::b`) or what its arguments say."""
    for part in address.split("::") if "://" in address else ():
        if "://" not in part:
            continue  # how the next one is unpacked or kept
        require(settings, part, *sorted(_ENCRYPTED))
        for name, value in parse_qsl(urlsplit(part).query, keep_blank_values=True):
            _require_argument(settings, name.lower(), value)
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if part.partition("://")[0] in {"s3", "s3a"} else ():
            if endpoint := os.environ.get(name):
                require(settings, endpoint, "https")


def _require_argument(settings: Settings, name: str, value: str) -> None:
    if "://" in value:
        require(settings, value, "https")
    off = (name == "scheme" and value.lower() != "https") or (name in {"use_ssl", "verify", "ssl", "tls"} and value.lower() not in {"true", "1"})
    if off and not settings.declared.without_tls:
        raise _refused(settings, f"its argument {name} turns encryption off")


def of_spark(settings: Settings, address: str) -> None:
    """Raise `SourceUnreachable` where a cluster is reached over the network and not by Spark Connect with TLS."""
    hosts = [urlsplit(f"//{host}").hostname or "" for host in urlsplit(address).netloc.split(",")] if "://" in address else []
    if _LOCAL_SPARK.fullmatch(address) or (hosts and all(hosts) and here(*hosts)) or settings.declared.without_tls:
        return
    # Read as Spark's client reads it; it takes the last of several.
    said = [value.lower() for name, _, value in (p.partition("=") for p in urlparse("http" + address[2:]).params.split(";")) if name == "use_ssl"]
    if not (address.startswith("sc://") and said and set(said) == {"true"}):
        raise _refused(settings, "only sc://host/;use_ssl=true makes a cluster prove who it is")


def _refused(settings: Settings, why: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"{why}: data and password could be read on the way",
        where=f"sources.{settings.name}",
        remedy="mend its address; or, where something else protects the way, say what in the source's `without_tls` in dsar.toml",
    )
