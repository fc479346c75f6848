"""`python -m dsar` is the `dsar` command."""

from dsar.cli import main

if __name__ == "__main__":
    main()
