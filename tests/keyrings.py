"""A keyring in a file (`$KEYRING_FILE`), for tests: keyring calls it as it calls the system's, in this process and in others."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class InFile(KeyringBackend):
    """Keeps passwords by service and name."""

    priority = 1

    def _kept(self):
        path = Path(os.environ["KEYRING_FILE"])
        return json.loads(path.read_text()) if path.exists() else {}

    def get_password(self, service, username):
        return self._kept().get(f"{service}|{username}")

    def set_password(self, service, username, password):
        Path(os.environ["KEYRING_FILE"]).write_text(json.dumps({**self._kept(), f"{service}|{username}": password}))

    def delete_password(self, service, username):
        raise PasswordDeleteError


class Forgetful(InFile):
    """Takes what it is given, and keeps nothing."""

    def set_password(self, service, username, password):
        pass
