"""What travels is encrypted, and the server proves who it is: real servers with real certificates; what would not is refused."""

import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
import trustme

from connectors import database, transport
from connectors.lake import Lake
from connectors.rest import Rest
from connectors.spark import Spark
from connectors.sql import Sql
from dsar import datamap
from dsar.errors import SourceUnreachable
from dsar.source import Match, Settings, Want
from tests import servers
from tests.needs import needs


def settings(folder, url, connector="sql", **more):
    table = {"label": "T", "activity": "a", "key": ["id"], "match": {"customer": "id"}, "columns": {"id": {"category": "user"}}}
    table |= more.pop("table", {})
    declared = {"connector": connector, "label": "S", "owner": "o", "url": str(url), "tables": {"t": table}, **more}
    return Settings("shop", datamap.Source.model_validate(declared), folder, "GB")


@pytest.fixture
def authority(tmp_path):
    """An authority of the controller's own, and a certificate for this machine in files a server's account may read."""
    own = trustme.CA()
    issued = own.issue_cert("127.0.0.1", "localhost")
    own.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    issued.private_key_pem.write_to_path(tmp_path / "server.key")
    return tmp_path


@pytest.fixture
def over_the_network(monkeypatch):
    """Servers of these tests listen on loopback only; here they count as reached over the network."""
    monkeypatch.setattr(transport, "here", lambda *_: False)


def refusal(found):
    with pytest.raises(SourceUnreachable) as raised:
        Sql(found).schema()
    return str(raised.value)


def opens(found):
    with contextlib.suppress(sa.exc.OperationalError):
        database.engine(found).connect().close()
        return True
    return False


# -- databases ---------------------------------------------------------------------------------------


@pytest.fixture
def mariadb(authority):
    folder = servers.short_folder()
    for name in ("server.pem", "server.key"):
        (folder / name).write_bytes((authority / name).read_bytes())
    url, process = servers.start_mariadb(folder, options=[f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key"])
    servers.execute(url, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INTEGER PRIMARY KEY)")
    yield url.set(database="shop", drivername="mariadb")
    servers.stop(process)


@pytest.fixture
def postgresql(authority):
    folder = servers.short_folder() / "pg"
    url, process = servers.start_postgresql(folder, authority / "server.pem", authority / "server.key")
    servers.execute(url.set(drivername="postgresql+psycopg"), "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    yield url
    servers.stop(process)


SERVERS = [
    pytest.param("mariadb", marks=needs("mariadbd")),
    pytest.param("postgresql", marks=needs(servers.postgresql_bin("initdb") or "initdb")),
]


@pytest.mark.parametrize("server", SERVERS)
def test_a_database_proves_who_it_is(request, authority, over_the_network, server):
    url = request.getfixturevalue(server).render_as_string(hide_password=False)
    trusted = settings(authority, url, ca="ca.pem")
    assert Sql(trusted).schema().keys() == {"t"}
    with database.engine(trusted).connect() as connection:
        cipher = {"mariadb": "SHOW STATUS LIKE 'Ssl_cipher'", "postgresql": "SELECT '', cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"}
        assert "AES" in connection.execute(sa.text(cipher[server])).one()[1]
    assert "the database cannot be opened (OperationalError)" in refusal(settings(authority, url)), "its authority is not one of the public ones"
    if server == "postgresql":
        servers.execute(sa.make_url(url).set(drivername="postgresql+psycopg"), "ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
        servers.wait_for(lambda: not opens(trusted), what="the server without TLS")


@needs("mariadbd")
def test_a_database_of_another_name_is_refused(mariadb, authority, over_the_network):
    other = trustme.CA()
    other.cert_pem.write_to_path(authority / "other.pem")
    address = mariadb.render_as_string(hide_password=False)
    assert "(OperationalError)" in refusal(settings(authority, address, ca="other.pem"))
    assert "certificate" in refusal(settings(authority, address + "?ssl_check_hostname=false", ca="ca.pem"))


@needs("mariadbd")
def test_a_database_that_offers_no_tls_is_refused(tmp_path, over_the_network):
    url = servers.mariadb().set(drivername="mariadb", username="reader", password="reader").render_as_string(hide_password=False)
    assert "(OperationalError)" in refusal(settings(tmp_path, url))
    database.engine(settings(tmp_path, url, without_tls="tunnel of IT")).connect().close()


WEAK = [
    ("postgresql://r:pw@db.example/shop?sslmode=require", "sslmode=require"),
    ("postgresql://r:pw@db.example/shop?sslmode=disable", "sslmode=disable"),
    ("mariadb://r:pw@db.example/shop?ssl_disabled=true", "turns the check"),
    ("mssql+pyodbc://r:pw@db.example/shop", "mssql"),
]


@pytest.mark.parametrize(("url", "said"), WEAK)
def test_what_does_not_verify_is_refused_unless_the_map_says_why(tmp_path, url, said):
    told = refusal(settings(tmp_path, url))
    assert said in told
    assert "without_tls" in told
    assert "pw" not in told
    assert transport.of_database(settings(tmp_path, url, without_tls="tunnel of IT"), sa.make_url(url)) == {}


@pytest.mark.parametrize(
    ("url", "environment", "stays"),
    [
        ("postgresql:///shop", {}, True),
        ("postgresql:///shop", {"PGHOST": "db.example"}, False),
        ("postgresql:///shop", {"PGSERVICE": "shop"}, False),
        ("postgresql://localhost/shop", {"PGHOSTADDR": "10.1.2.3"}, False),
        ("postgresql://localhost/shop", {"PGHOST": "db.example"}, True),
        ("postgresql:///shop?host=/run/postgresql", {}, True),
        ("postgresql:///shop?host=/run/postgresql&host=db.example", {}, False),
        ("postgresql://localhost/shop?hostaddr=10.1.2.3", {}, False),
        ("postgresql://localhost/shop?service=shop", {}, False),
        ("postgresql://127.0.0.1/shop", {}, True),
        ("postgresql://[::1]/shop", {}, True),
        ("postgresql://127.0.0.1.example/shop", {}, False),
        ("mariadb://localhost/shop?unix_socket=/run/my.sock", {}, True),
        ("mariadb:///shop?read_default_file=/etc/my.cnf", {}, False),
        ("mysql+pymysql://localhost/shop?read_default_group=evil", {}, False),
        ("mysql+pymysql:///shop", {}, False),
    ],
)
def test_what_stays_on_this_machine_is_told_from_what_does_not(tmp_path, monkeypatch, url, environment, stays):
    for name in ("PGHOST", "PGSERVICE", "PGHOSTADDR", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (transport.of_database(settings(tmp_path, url), sa.make_url(url)) == {}) is stays


ELSEWHERE = [  # addresses without a host of their own, or with a second one
    "mssql+pyodbc:///?odbc_connect=Driver%3D%7Bx%7D;Server%3Dtcp:db.example.net;Encrypt%3Dno",
    "mssql+pyodbc://localhost/db?odbc_connect=Server%3Ddb.example.net",
    "mssql+pyodbc:///db?server=db.example.net",
    "mssql+pyodbc://localhost/db?Address=db.example.net",
    "mssql+pyodbc://localhost/db?driver=x%7D;Server%3Ddb.example.net;y%3D%7B",
    "mssql+pyodbc://localhost",  # a name of odbc.ini, which says where it lies
    "oracle+oracledb://u:pw@/?dsn=tcp://db.example.net/x",
    "trino:///x",
    "ibm_db_sa:///?x=1",
    "mysql+pyodbc://localhost/db?server=db.example.net",
    "mysql+pyodbc:///db",
    "sqlite://db.example.net/x",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_an_address_that_names_its_host_in_another_place_is_not_this_machine(tmp_path, address):
    url = sa.make_url(address)
    with pytest.raises(SourceUnreachable, match=r"could be read on the way.*without_tls") as raised:
        transport.of_database(settings(tmp_path, address), url)
    assert "pw" not in str(raised.value)
    assert transport.of_database(settings(tmp_path, address, without_tls="tunnel of IT"), url) == {}


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///x.db",
        "duckdb:///x.duckdb",
        "postgresql:///shop",
        "mysql+pymysql:///shop?unix_socket=/run/my.sock",
        "mssql+pyodbc://u:pw@127.0.0.1/db?driver=ODBC+Driver+18+for+SQL+Server&TrustServerCertificate=yes",
    ],
)
def test_a_file_a_socket_and_loopback_are(tmp_path, monkeypatch, address):
    for name in ("PGHOST", "PGSERVICE", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    assert transport.of_database(settings(tmp_path, address), sa.make_url(address)) == {}


def test_an_authority_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SourceUnreachable, match=r"sources\.shop\.ca"):
        transport.of_database(settings(tmp_path, "mariadb://db.example/shop", ca="none.pem"), sa.make_url("mariadb://db.example/shop"))


# -- services, stores, clusters ----------------------------------------------------------------------


@contextlib.contextmanager
def https(folder):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'[{"id": "c-1"}]')

        def log_message(self, *_):
            pass

    class Quiet(HTTPServer):
        def handle_error(self, *_):
            pass  # a client that does not trust the certificate hangs up

    with Quiet(("127.0.0.1", 0), Handler) as server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(found):
    return list(Rest(found).read(Match("t", (Want("a", "shop.customer", "c-1"),))))[-1].rows


THINGS = {"rest": {"look_up": {"customer": {"path": "/things", "query": {"id": "{value}"}}}}}


def test_a_service_proves_who_it_is(authority, monkeypatch):
    with https(authority) as url:
        assert asked(settings(authority, url, "rest", table=THINGS, ca="ca.pem")) == 1
        monkeypatch.setattr("connectors.http._AGAIN", ())
        with pytest.raises(SourceUnreachable, match="cannot be reached"):
            asked(settings(authority, url, "rest", table=THINGS, timeout=2))


def test_a_service_without_https_is_refused_unless_the_map_says_why(tmp_path, over_the_network):
    from tests.rest_server import serving

    with serving({"/things": lambda _: (200, [{"id": "c-1"}])}) as server:
        with pytest.raises(SourceUnreachable, match="not https://"):
            asked(settings(tmp_path, server.url, "rest", table=THINGS))
        assert server.asked == []
        assert asked(settings(tmp_path, server.url, "rest", table=THINGS, without_tls="tunnel of IT")) == 1


UNENCRYPTED = [
    "http://files.example/t.csv",
    "ftp://files.example/t.csv",
    "s3://bucket/t.csv",
    "file::http://files.example/t.csv",
    "simplecache::http://files.example/t.csv",
    "https://files.example/t.csv::http://files.example/t.csv",
]


@pytest.mark.parametrize("path", UNENCRYPTED)
def test_files_do_not_travel_unencrypted(tmp_path, monkeypatch, path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example")
    with pytest.raises(SourceUnreachable, match="could be read on the way"):
        list(Lake(settings(tmp_path, "", "lake", table={"file": {"path": path}})).read(Match("t", (Want("a", "shop.customer", "1"),))))


QUERIES = ["endpoint_override=http://evil.example", "endpoint_override=evil.example&scheme=http", "endpoint_url=HTTP://evil.example", "use_ssl=False"]


@pytest.mark.parametrize("query", QUERIES)
def test_a_store_is_told_of_no_other_way_by_its_own_address(tmp_path, monkeypatch, query):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(SourceUnreachable, match="could be read on the way"):
        transport.of_store(settings(tmp_path, "", "lake"), f"s3://bucket/t.parquet?{query}")
    transport.of_store(settings(tmp_path, "", "lake"), "s3://bucket/t.parquet?endpoint_override=https://store.example&scheme=https&region=eu")


CLUSTERS = [
    "spark://cluster.example:7077",
    "spark://localhost:7077,cluster.example:7077",
    "sc://cluster.example",
    "yarn",
    "local.evil.example",
    "sc://cluster.example/;use_ssl=false",
    "sc://cluster.example/;use_ssl=true;use_ssl=false",
    "sc://cluster.example/;USE_SSL=true",
    "sc://cluster.example/?x;use_ssl=true",
]


@pytest.mark.parametrize("url", CLUSTERS)
def test_a_cluster_without_tls_is_refused(tmp_path, url):
    with pytest.raises(SourceUnreachable, match="use_ssl=true"):
        Spark(settings(tmp_path, url, "spark")).connect()
    transport.of_spark(settings(tmp_path, "", "spark"), "sc://cluster.example:443/;token=t;use_ssl=true")
    for own in ("local", "local[*]", "local[2,3]", "spark://localhost:7077", "sc://127.0.0.1"):
        transport.of_spark(settings(tmp_path, "", "spark"), own)
