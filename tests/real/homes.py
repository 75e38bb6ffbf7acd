"""Real homes of the real agent, made in a temporary place and driven from outside.

The rule: nothing a test starts outlives it, and nothing waits for ever. Every program runs in a process group of its
own with a time limit; leaving a `Home` ends, by process id, whatever still carries this home in its environment, also
what the agent left behind when it was killed. The agent's own `gateway stop` is never used: where no systemd is, it
ends the gateways of other homes too. The agent reaches the model server on loopback and nothing else.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

import httpx2 as httpx
import psutil
import yaml

from tests.fakes.model_server import MODEL, ModelServer
from tests.real.agents import Agent

NO_WAY_OUT: Final = "http://127.0.0.1:9"  # nothing listens there, so nothing leaves the machine
DIE_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL")  # also when the tests themselves are killed
START_LIMIT_S: Final = 60.0
STOP_LIMIT_S: Final = 30.0
COMMAND_LIMIT_S: Final = 60.0
REQUEST_LIMIT_S: Final = 15.0
TURN_LIMIT_S: Final = 60.0
HOOK_ROUTE: Final = "ask"

Seen = TypeVar("Seen")

_CREATE_JOBS: Final = """
import json, sys
from cron.jobs import create_job
for job in json.loads(sys.argv[1]):
    create_job(**job)
"""


class HomeError(RuntimeError):
    """The agent did not do what was asked of it; the text shows what it said."""


def wait_until(what: str, look: Callable[[], Seen | None], limit_s: float = 30.0) -> Seen:
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + limit_s
    while not (seen := look()):
        if time.monotonic() > deadline:
            message = f"not seen within {limit_s:.0f} s: {what}"
            raise HomeError(message)
        time.sleep(0.05)
    return seen


def free_port() -> int:
    """Return a port of loopback nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Home:
    """One home of one agent. Use it as a context manager."""

    agent: Agent
    root: Path
    user: Path
    api_port: int = field(default_factory=free_port)
    hook_port: int = field(default_factory=free_port)
    api_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @classmethod
    def create(cls, agent: Agent, root: Path, model: ModelServer, /, **settings: object) -> Self:
        """Make a home whose agent talks to the model server; settings override those of `configuration`."""
        home = cls(agent=agent, root=root, user=root.with_name(root.name + "-user"))
        home.user.mkdir(parents=True)
        root.mkdir(mode=0o700)
        home.configure(model, **settings)
        return home

    def configure(self, model: ModelServer, /, **settings: object) -> None:
        """Write the agent's configuration."""
        configuration = {
            "model": {
                "default": MODEL,
                "provider": "custom",
                "base_url": model.url,
                "api_key": secrets.token_hex(8),
                "context_length": 200_000,
            },
            "agent": {"api_max_retries": 1},
            "approvals": {"mode": "off"},
            "security": {"allow_lazy_installs": False},
            "platforms": {"api_server": self._api_server(), "webhook": self._webhook()},
            "platform_toolsets": {"webhook": ["terminal"], "api_server": ["terminal"], "cli": ["terminal"]},
            **settings,
        }
        (self.root / "config.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))

    def _api_server(self) -> dict[str, Any]:
        return {"enabled": True, "extra": {"host": "127.0.0.1", "port": self.api_port, "key": self.api_key}}

    def _webhook(self) -> dict[str, Any]:
        route = {"secret": "INSECURE_NO_AUTH", "prompt": "{prompt}", "deliver": "log"}
        extra = {"host": "127.0.0.1", "port": self.hook_port, "rate_limit": 10_000, "routes": {HOOK_ROUTE: route}}
        return {"enabled": True, "extra": extra}

    @property
    def environment(self) -> dict[str, str]:
        """What the agent's programs run with: this home, no way out, nothing of the caller's."""
        return {
            "PATH": f"{self.agent.hermes.parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.user),
            "HOME": str(self.user),
            "HERMES_HOME": str(self.root),
            "HERMES_DISABLE_LAZY_INSTALLS": "1",
            "HTTP_PROXY": NO_WAY_OUT,
            "HTTPS_PROXY": NO_WAY_OUT,
            "ALL_PROXY": NO_WAY_OUT,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def upgraded(self, agent: Agent) -> Self:
        """Return the same home in the hands of another version of the agent."""
        return replace(self, agent=agent)

    def profile(self, name: str, model: ModelServer) -> Self:
        """Make a profile with the agent's own command and return it: a whole home inside this one."""
        self.hermes("profile", "create", name, "--no-alias")
        home = replace(self, root=self.root / "profiles" / name, api_port=free_port(), hook_port=free_port())
        home.configure(model)
        return home

    def hermes(self, *arguments: str, limit_s: float = COMMAND_LIMIT_S) -> str:
        """Run one command of the agent to its end and return what it printed.

        Its exit code says nothing: many failures of the agent exit with 0. Look at what it was to do.
        """
        return self._run([str(self.agent.hermes), *arguments], limit_s)

    def _run(self, command: list[str], limit_s: float) -> str:
        with self._popen(command, subprocess.PIPE) as process:
            try:
                printed, _ = process.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                printed, _ = process.communicate()
                message = f"{' '.join(command)} ran longer than {limit_s:.0f} s:\n{printed[-2000:]}"
                raise HomeError(message) from None
        return printed

    def _popen(self, command: list[str], out: IO[str] | int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*DIE_WITH_US, *command],
            env=self.environment,
            cwd=self.user,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def chat(self, prompt: str) -> str:
        """Ask one question on the agent's command line and wait for the answer."""
        return self.hermes("chat", "-Q", "-q", prompt)

    def jobs(self) -> dict[str, dict[str, Any]]:
        """Return the cron jobs by name, as the agent wrote them."""
        path = self.root / "cron" / "jobs.json"
        if not path.exists():
            return {}
        return {job["name"]: job for job in json.loads(path.read_text())["jobs"]}

    def create_jobs(self, *jobs: dict[str, object]) -> None:
        """Create cron jobs in one go; each is the arguments of the agent's own `create_job`."""
        self._run([str(self.agent.python), "-c", _CREATE_JOBS, json.dumps(jobs)], COMMAND_LIMIT_S)
        missing = {job["name"] for job in jobs} - self.jobs().keys()
        if missing:
            message = f"the agent made no jobs {sorted(map(str, missing))}"
            raise HomeError(message)

    def script(self, name: str, text: str) -> str:
        """Put a script where cron jobs may run it from."""
        scripts = self.root / "scripts"
        scripts.mkdir(exist_ok=True)
        (scripts / name).write_text(text)
        return name

    def edit_jobs(self, *names: str, **changes: object) -> None:
        """Change fields of cron jobs in the file of a home whose agent is stopped."""
        path = self.root / "cron" / "jobs.json"
        document = json.loads(path.read_text())
        for job in document["jobs"]:
            if job["name"] in names:
                job.update(changes)
        path.write_text(json.dumps(document))

    def make_due(self, *names: str, ago: timedelta = timedelta()) -> None:
        """Say in the file of a home whose agent is stopped that these jobs are due since so long."""
        self.edit_jobs(*names, next_run_at=(datetime.now(UTC) - ago).isoformat())

    def read_json(self, name: str) -> dict[str, Any]:
        """Return one of the home's JSON documents, or nothing where it is missing or being written."""
        with suppress(FileNotFoundError, ValueError):
            document: dict[str, Any] = json.loads((self.root / name).read_text())
            return document
        return {}

    def edit_json(self, name: str, **changes: object) -> None:
        """Change fields of a JSON document of a home whose agent is stopped."""
        path = self.root / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def start_gateway(self) -> Gateway:
        """Start the gateway without waiting for it."""
        log = (self.user / "gateway.out").open("a")
        with log:
            return Gateway(self, self._popen([str(self.agent.hermes), "gateway", "run"], log))

    @contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """Run the gateway for the length of the block."""
        gateway = self.start_gateway()
        try:
            gateway.wait_ready()
            yield gateway
        finally:
            gateway.end()

    def processes(self) -> list[psutil.Process]:
        """Return every process that carries this home, or a profile of it, in its environment."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            home = process.environ().get("HERMES_HOME", "")
            return home == str(self.root) or home.startswith(f"{self.root}/")
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self.processes(), timeout=5)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One run of a home's gateway."""

    home: Home
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def wait_ready(self, limit_s: float = START_LIMIT_S) -> None:
        """Wait until the gateway says that it runs and answers on both of its ports."""
        wait_until(f"the gateway of {self.home.root} running", self._is_ready, limit_s)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            said = (self.home.user / "gateway.out").read_text(errors="replace")[-2000:]
            message = f"the gateway ended with {self.process.returncode} while starting:\n{said}"
            raise HomeError(message)
        state = self.home.read_json("gateway_state.json")
        if state.get("gateway_state") != "running" or state.get("pid") != self.pid:
            return False
        return all(map(_answers, (self.home.api_port, self.home.hook_port)))

    def ask(self, prompt: str) -> str:
        """Send a message through the webhook platform, as chat platforms do, and return the delivery's id.

        The turn runs on by itself.
        """
        delivery = secrets.token_hex(8)
        response = httpx.post(
            f"http://127.0.0.1:{self.home.hook_port}/webhooks/{HOOK_ROUTE}",
            json={"prompt": prompt},
            headers={"X-Request-ID": delivery},
            timeout=REQUEST_LIMIT_S,
        )
        response.raise_for_status()
        return delivery

    def wait_answered(self, delivery: str, limit_s: float = TURN_LIMIT_S) -> None:
        """Wait until the turn of a delivery is over: its rows are in the database when the answer is in the log."""
        answer = f"Response for webhook:{HOOK_ROUTE}:{delivery}"
        log = self.home.root / "logs" / "gateway.log"
        wait_until(f"{answer!r} in {log}", lambda: answer in log.read_text(errors="replace"), limit_s)

    def answer(self, prompt: str) -> None:
        """Have one whole turn."""
        self.wait_answered(self.ask(prompt))

    @contextmanager
    def waiting(self, model: ModelServer) -> Iterator[None]:
        """Have a turn that waits for the model as long as the block lasts."""
        name = secrets.token_hex(4)
        delivery = self.ask(f"[[hang:{name}]]")
        model.wait_for_call(name)
        try:
            yield
        finally:
            model.release(name)
            self.wait_answered(delivery)

    @contextmanager
    def in_tool(self, model: ModelServer) -> Iterator[None]:
        """Have a turn that is inside a tool as long as the block lasts."""
        mark = str(secrets.randbelow(900_000) + 100_000)  # seconds nobody will wait, and a name to find the process by
        delivery = self.ask(f'[[tool:terminal {{"command": "sleep {mark}"}}]]')
        model.wait_for_call(mark)
        sleeper = wait_until(f"the tool's process sleep {mark}", lambda: self._child("sleep", mark))
        try:
            yield
        finally:
            sleeper.kill()
            self.wait_answered(delivery)

    def _child(self, *command: str) -> psutil.Process | None:
        for child in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.Error):  # it ended while we looked
                if child.cmdline() == list(command):
                    return child
        return None

    def start_run(self, prompt: str) -> str:
        """Start a turn through the API server and return the run's id."""
        response = self._api("POST", "/v1/runs", {"input": prompt})
        return str(response["run_id"])

    def run_status(self, run: str) -> str:
        """Return what the API server says of a run."""
        return str(self._api("GET", f"/v1/runs/{run}")["status"])

    def stop_run(self, run: str) -> None:
        """Ask the API server to stop a run."""
        self._api("POST", f"/v1/runs/{run}/stop", {})

    def _api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = httpx.request(
            method,
            f"http://127.0.0.1:{self.home.api_port}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.home.api_key}"},
            timeout=REQUEST_LIMIT_S,
        )
        document: dict[str, Any] = response.raise_for_status().json()
        return document

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold the gateway with SIGSTOP for the length of the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the gateway with SIGKILL: it cannot write a last word."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> int:
        """End the gateway with a SIGTERM nobody announced, as a stranger or a shutdown does; return its exit code."""
        return self._signal(signal.SIGTERM)

    def stop(self) -> int:
        """End the gateway with SIGINT, as its operator does at the terminal; return its exit code."""
        return self._signal(signal.SIGINT)

    def _signal(self, which: signal.Signals) -> int:
        self.process.send_signal(which)
        try:
            return self.process.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            message = f"the gateway of {self.home.root} still runs {STOP_LIMIT_S:.0f} s after {which.name}"
            raise HomeError(message) from None

    def end(self) -> None:
        """End the gateway whatever state it is in; not an error when it has ended."""
        if self.process.poll() is None:
            self.kill()


def _answers(port: int) -> bool:
    try:
        response = httpx.get(f"http://127.0.0.1:{port}/health", timeout=REQUEST_LIMIT_S)
    except httpx.TransportError:
        return False
    return response.is_success
