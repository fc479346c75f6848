"""Customer relationship systems that keep their contacts in a database."""

from connectors.sql import Sql


class Crm(Sql):
    """A CRM's database: read as any database; contacts and enquiries have no rules of their own yet."""
