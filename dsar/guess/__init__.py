"""A first draft of a source's part of the data map: what its schema says, and what names and a few values let one guess.

`sample` reads some rows, in memory only; `columns` says what kind of data each column is; `links` which rows belong to which;
`draft` writes it down. Whatever is guessed says so, and is held in every answer until a person has confirmed it.
"""
