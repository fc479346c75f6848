"""The register's tables, and the door to them: SQLite in the workspace, or any database by URL.

`requests` holds what was said at intake, `rights` and `identifiers` several lines per request, and
`events` all that happened since: never changed, only added to. Migrations (Alembic) make and change
the tables; whoever opens an older register brings it up to date.
"""

import os
from pathlib import Path

import sqlalchemy as sa

from dsar.errors import RegisterUnusable

FILE = "register.db"
HEAD = "a1"  # the latest step in migrations/versions

METADATA = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
)

REQUESTS = sa.Table(
    "requests",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),  # the order of registration
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("id_folded", sa.String(40), nullable=False, unique=True),  # case folders of R-1 and r-1 are one on some disks
    sa.Column("version", sa.Integer, nullable=False),  # goes up with every change: two analysts cannot overwrite each other
    sa.Column("received", sa.Date, nullable=False),  # the local day
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("requester", sa.String(20), nullable=False),
    sa.Column("reply_to", sa.String(320), nullable=False),  # an agent's own address; empty: an identifier of the person
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("regime", sa.String(2), nullable=False),
    sa.Column("calendar", sa.String(10), nullable=False),
    sa.Column("no_reasonable_doubt", sa.Text, nullable=False),
    sa.Column("handler", sa.String(100), nullable=False),
    sa.Column("letter_sha256", sa.String(64), index=True),  # of the letter's text, to know it again
    sa.Column("line_sha256", sa.String(64)),  # of its line in requests.csv, to notice a correction
    sa.Column("registered_at", sa.String(40), nullable=False),  # UTC, ISO 8601
)
RIGHTS = sa.Table(
    "rights",
    METADATA,
    sa.Column("request", sa.ForeignKey("requests.id"), primary_key=True),
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),  # in the order asked
)
IDENTIFIERS = sa.Table(
    "identifiers",
    METADATA,
    sa.Column("request", sa.ForeignKey("requests.id"), primary_key=True),
    sa.Column("kind", sa.String(100), primary_key=True),
    sa.Column("value", sa.String(400), primary_key=True, index=True),
    sa.Column("standing", sa.String(20), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
)
EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("request", sa.ForeignKey("requests.id"), nullable=False, index=True),
    sa.Column("at", sa.String(40), nullable=False),  # when it was recorded: UTC, ISO 8601
    sa.Column("on", sa.Date, nullable=False),  # the local day it happened
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("right", sa.String(20), nullable=False),  # empty: about the request as a whole
    sa.Column("details", sa.JSON, nullable=False),
)
META = sa.Table("meta", METADATA, sa.Column("key", sa.String(40), primary_key=True), sa.Column("value", sa.Text, nullable=False))

_ADDRESS = "check DSAR_REGISTER: `postgresql+psycopg://USER:PASSWORD@HOST/NAME`; that the database is there and up, and its driver installed"
_ANSWER = "check that the database that DSAR_REGISTER names is up, and that its account may read and write there; then run the same again"


def url(workspace: Path) -> str:
    """Return where the register of a workspace is: `$DSAR_REGISTER`, else `register.db` in its folder."""
    return os.environ.get("DSAR_REGISTER") or f"sqlite:///{workspace / FILE}"


def connect(url: str) -> sa.Engine:
    """Return an engine whose tables are those of this version; raises `RegisterUnusable`, also later, where a server refuses or ends."""
    engine, fresh, local = None, not _file(url).exists(), url.startswith("sqlite")
    try:
        # A server may end a connection that idles while somebody thinks, so none is kept.
        options = {"connect_args": {"timeout": 30}} if local else {"poolclass": sa.NullPool}
        engine = sa.create_engine(url, hide_parameters=True, **options)
        sa.event.listen(engine, "connect", _set_up) if local else sa.event.listen(engine, "handle_error", _refused)
        _migrate(engine)
    except BaseException as error:
        if engine is not None:
            engine.dispose()
        if not isinstance(error, sa.exc.SQLAlchemyError | ModuleNotFoundError | ValueError):  # ValueError: a port that is no number
            raise
        # The text of the error could quote the address with its password.
        raise RegisterUnusable(
            f"the register cannot be opened ({type(error).__name__})", remedy="restore register.db from a backup" if local else _ADDRESS
        ) from None
    if fresh and _file(url).is_file():
        _file(url).chmod(0o600)
    return engine


def lock(connection: sa.Connection) -> None:
    """Take the write lock before anything is read, so that two who register at once get different numbers."""
    connection.execute(sa.delete(META).where(META.c.key == "no such key"))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7358)")


def note(connection: sa.Connection, key: str) -> str:
    """Return what the register noted of itself, '' where it did not."""
    return connection.scalar(sa.select(META.c.value).where(META.c.key == key)) or ""


def set_note(connection: sa.Connection, key: str, value: str) -> None:
    """Note something of the register itself, in place of what was noted; '' takes it out."""
    connection.execute(sa.delete(META).where(META.c.key == key))
    if value:
        connection.execute(sa.insert(META), {"key": key, "value": value})


def closed(engine: sa.Engine, request_id: str) -> bool:
    """Return whether a case was closed and not reopened since, as `Case.closed` tells it of all events."""
    last = sa.select(EVENTS.c.kind).where(EVENTS.c.request == request_id, EVENTS.c.kind.in_(("closed", "reopened"))).order_by(EVENTS.c.id.desc())
    with engine.connect() as connection:
        return connection.scalar(last.limit(1)) == "closed"


def _refused(context: sa.engine.ExceptionContext) -> None:
    """Tell in one line what a server refuses; a constraint is the caller's to handle."""
    error = context.sqlalchemy_exception
    if isinstance(error, sa.exc.DBAPIError) and not isinstance(error, sa.exc.IntegrityError):
        raise RegisterUnusable(f"the register's database refuses or does not answer ({type(error).__name__})", remedy=_ANSWER) from None


def _file(url: str) -> Path:
    """Return the file of an SQLite URL; one that cannot exist for any other."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else Path("/dev/null/no")


def _set_up(connection: object, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[attr-defined]
    connection.execute("PRAGMA secure_delete = ON")  # type: ignore[attr-defined] # what is deleted or changed is overwritten with zeros


def _migrate(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    from alembic import command  # only where there is something to do: it takes as long to load as a command to run
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "dsar:request/migrations")
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    # One at a time: the second finds the work done.
    locked = engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == "sqlite" else engine
    with locked.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7357)")
        now = _revision(connection)
        if now is not None and now not in known:
            raise RegisterUnusable("the register was made by a newer version of this toolkit", remedy="update the toolkit")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql("COMMIT") if engine.dialect.name == "sqlite" else connection.commit()


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found
