"""A real Keystone v3 for tests, and a real Swift that asks it: both on ports of this machine, data in a directory.

    with running_keystone(tmp_path) as cloud:
        Storage(cloud.password)

Its packages (Keystone, and a Swift with keystonemiddleware) live in an environment of their own, made from
requirements/keystone.txt once per lock and kept in the user's cache.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from tests.apiserver import process
from tests.ports import free_ports
from tests.swift_server import REPOSITORY, SwiftServer, python_of

LOCK = REPOSITORY / "requirements" / "keystone.txt"
START_SECONDS = 300
REGION = "Radiology"
ADMIN_KEY = "admins-own"
USER, KEY, PROJECT = "operator", "operators-own", "chris"
_CONFIGURATION = """
[DEFAULT]
log_file = {root}/keystone.log
[database]
connection = sqlite:///{root}/keystone.db
[fernet_tokens]
key_repository = {root}/fernet
[credential]
key_repository = {root}/credential
[cache]
enabled = false
[identity]
# The cheapest there is: nobody is to guess these passwords.
password_hash_rounds = 4
"""
_FILTERS = """
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = admin
password = {key}
project_name = admin
user_domain_id = default
project_domain_id = default
region_name = {region}
# TempURLs carry no token: whether a request needs one is decided after this filter.
delay_auth_decision = true
token_cache_time = -1

[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = member
"""


_SERVE = """
import os, sys
from waitress import serve
os.environ["OS_KEYSTONE_CONFIG_FILES"], port = sys.argv[1:]
del sys.argv[1:]  # Keystone would read them as its own
from keystone.wsgi.api import application
serve(application, host="127.0.0.1", port=int(port), threads=4)
"""


def _manage(configuration: Path, *words: str) -> None:
    program = python_of(LOCK).parent / "keystone-manage"
    command = [str(program), "--config-file", str(configuration), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"keystone-manage {words[0]} fails:\n{done.stderr[-2000:]}")


class Cloud:
    """Keystone with one project, its user, and the Swift in its catalogue."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/v3"
        self.swift = SwiftServer(root / "swift", lock=LOCK)
        self.user_id = ""

    @property
    def password(self) -> Mapping[str, str]:
        """Variables for a login by password."""
        return {
            "OS_AUTH_URL": self.url,
            "OS_USERNAME": USER,
            "OS_PASSWORD": KEY,
            "OS_PROJECT_NAME": PROJECT,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": REGION,
        }

    def application_credential(self, name: str) -> Mapping[str, str]:
        """A new application credential of the user, as variables for a login by it."""
        token = self.token(USER, KEY, PROJECT)
        path, body = f"users/{self.user_id}/application_credentials", {"name": name}
        made = self.ask("POST", path, token, {"application_credential": body})["application_credential"]
        return {
            "OS_AUTH_URL": self.url,
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_APPLICATION_CREDENTIAL_ID": made["id"],
            "OS_APPLICATION_CREDENTIAL_SECRET": made["secret"],
            "OS_REGION_NAME": REGION,
        }

    def revoke(self, token: str) -> None:
        """Let a token end now, as it would after an hour."""
        admin = self.token("admin", ADMIN_KEY, "admin")
        headers = {"X-Auth-Token": admin, "X-Subject-Token": token}
        requests.delete(f"{self.url}/auth/tokens", headers=headers, timeout=30).raise_for_status()

    # -- how it is made

    def start(self, stack: ExitStack) -> None:
        """Start both; the catalogue must know Swift's address, Swift must know Keystone's."""
        configuration = self.root / "keystone.conf"
        configuration.write_text(_CONFIGURATION.format(root=self.root))
        self._prepare(configuration)
        command = [str(python_of(LOCK)), "-c", _SERVE, str(configuration), str(self.port)]
        stack.enter_context(process(command, self.root / "waitress.log"))
        self._await()
        self._furnish()
        filters = self.root / "filters.conf"
        filters.write_text(_FILTERS.format(url=self.url, key=ADMIN_KEY, region=REGION))
        self.swift.arguments = ["--auth", "authtoken keystoneauth", "--filters", str(filters)]
        self.swift.root.mkdir()
        self.swift.start()
        stack.callback(self.swift.stop)

    def _prepare(self, configuration: Path) -> None:
        """Tables, keys and an administrator. Tables take long to make and are the same each time: they are kept."""
        kept = python_of(LOCK).parent.parent / "empty-keystone"
        names = ("keystone.db", "fernet", "credential")
        if kept.exists():
            shutil.copytree(kept, self.root, dirs_exist_ok=True)
        else:
            owner = [f"--keystone-user={os.getuid()}", f"--keystone-group={os.getgid()}"]
            for words in (["db_sync"], ["fernet_setup", *owner], ["credential_setup", *owner]):
                _manage(configuration, *words)
            fresh = Path(tempfile.mkdtemp(dir=kept.parent))
            for name in names:
                place = self.root / name
                (shutil.copytree if place.is_dir() else shutil.copy)(place, fresh / name)
            with suppress(OSError):  # another test run may have been faster
                fresh.rename(kept)
        urls = [f"--bootstrap-{interface}-url={self.url}" for interface in ("public", "internal", "admin")]
        _manage(
            configuration,
            "bootstrap",
            f"--bootstrap-password={ADMIN_KEY}",
            f"--bootstrap-region-id={REGION}",
            *urls,
        )

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                if requests.get(self.url, timeout=30).ok:
                    return
            time.sleep(0.05)
        log = (self.root / "waitress.log").read_text()
        raise RuntimeError(f"Keystone does not start; its log ends:\n{log[-2000:]}")

    def _furnish(self) -> None:
        """A project with a user who may do in it what the operator must, and Swift in the catalogue."""
        admin = self.token("admin", ADMIN_KEY, "admin")
        project = self.ask("POST", "projects", admin, {"project": {"name": PROJECT}})["project"]["id"]
        person = {"name": USER, "password": KEY, "domain_id": "default"}
        self.user_id = self.ask("POST", "users", admin, {"user": person})["user"]["id"]
        roles = self.ask("GET", "roles?name=member", admin)["roles"]
        self.ask("PUT", f"projects/{project}/users/{self.user_id}/roles/{roles[0]['id']}", admin)
        service = {"type": "object-store", "name": "swift"}
        number = self.ask("POST", "services", admin, {"service": service})["service"]["id"]
        endpoint = {
            "service_id": number,
            "interface": "public",
            "region_id": REGION,
            "url": f"{self.swift.url}/v1/AUTH_$(project_id)s",
        }
        self.ask("POST", "endpoints", admin, {"endpoint": endpoint})

    def token(self, user: str, key: str, project: str) -> str:
        """A token of a user for a project."""
        person = {"name": user, "password": key, "domain": {"id": "default"}}
        scope = {"project": {"name": project, "domain": {"id": "default"}}}
        body = {"identity": {"methods": ["password"], "password": {"user": person}}, "scope": scope}
        answer = requests.post(f"{self.url}/auth/tokens", json={"auth": body}, timeout=30)
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def ask(self, method: str, path: str, token: str, body: Any = None) -> Any:
        """One request of Keystone's API."""
        headers = {"X-Auth-Token": token}
        answer = requests.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def running_keystone(root: Path) -> Iterator[Cloud]:
    """Keystone and Swift below `root` for as long as the block runs."""
    cloud = Cloud(root)
    with ExitStack() as stack:
        cloud.start(stack)
        yield cloud
