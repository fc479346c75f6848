"""Ways to reach a source: each class here fulfils the promise that `dsar.source` states.

`sql` reads any database, `lake` reads files (csv, xlsx, parquet); `crm` and `orders` put one kind
of source's domain rules on top of `sql`. Below them, `coarse` and `parquet` let a database or
engine rule out most rows, `reflect` asks a database for its tables and types, `files` reads csv and
xlsx line by line, and `exact` decides in Python which rows are really meant. A new connector starts from `dsar.source`, and is finished when its
tests inherit `tests/source_suite.py` and pass.
"""
