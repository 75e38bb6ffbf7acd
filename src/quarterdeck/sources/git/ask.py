"""How git is asked: under settings of our own, in a folder of our own, with the repository's parts linked into it.

Rule 1: git never reads the settings of a repository that is looked at. What stands there may be a command: a filter, a
        hook, a monitor, an ssh to use. Only a few plain words of it are handed on, each checked.
Rule 2: nothing is written into a repository. Whatever git might want to write, it would write into our folder.
Rule 3: no other repository is found by accident, no submodule is entered, nothing is fetched, nobody is asked for a
        password, and no file of settings of the user or the machine is read.
Rule 4: what git says when it fails is not passed on; it is told by a reason of ours.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from quarterdeck.sources import files
from quarterdeck.sources.command import Answer, Runner
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.git.layout import CONFIG_LIMIT, Layout
from quarterdeck.truth.reading import Reason

LINKED: Final = ("objects", "refs", "packed-refs", "shallow")
INDEX_PARTS_LIMIT: Final = 8
INDEX_LIMIT: Final = 256_000_000
PLAIN: Final = frozenset({"core.filemode", "core.autocrlf", "core.eol", "core.symlinks", "core.ignorecase"})
"""Words of a repository's settings that decide what counts as changed, and can do nothing else."""
VALUE: Final = re.compile(r"[A-Za-z0-9]{1,10}")
FORMATS: Final = ("sha1", "sha256")

ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_PAGER": "cat",
}
OURS: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", os.devnull),
    ("credential.helper", ""),
    ("http.followRedirects", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("log.showSignature", "false"),
    ("submodule.recurse", "false"),
)
REMOTE_PROTOCOLS: Final = "file:git:http:https:ssh"
SSH: Final = "ssh -o BatchMode=yes -o ConnectTimeout=5 -o ControlPath=none -o ForwardAgent=no"

FAILURES: Final = (
    ("dubious ownership", Reason.DENIED, "git will not look into the repository of another user"),
    ("permission denied", Reason.DENIED, "there is no permission to read it"),
    ("authentication failed", Reason.DENIED, "the remote refuses our login"),
    ("terminal prompts disabled", Reason.DENIED, "the remote wants a login, and none is set"),
    ("host key verification failed", Reason.DENIED, "the remote is not known to ssh: connect once by hand"),
    ("not allowed", Reason.DENIED, "the remote is reached in a way that is not allowed here"),
    ("could not resolve", Reason.MISSING, "the name of the remote cannot be looked up"),
    ("connection refused", Reason.MISSING, "nothing listens at the remote"),
    ("timed out", Reason.TIMEOUT, "the remote does not answer"),
    ("could not read from remote", Reason.MISSING, "the remote cannot be read"),
    ("does not appear to be a git repository", Reason.MISSING, "there is no repository at the remote"),
    ("unknown index entry format", Reason.SCHEMA, "its index is of a form that this git does not know"),
    ("index file corrupt", Reason.CORRUPT, "its index is damaged"),
    ("index file smaller", Reason.CORRUPT, "its index is damaged"),
    ("bad signature", Reason.CORRUPT, "its index is damaged"),
    ("bad object", Reason.CORRUPT, "an object it names is damaged or not there"),
    ("corrupt", Reason.CORRUPT, "it is damaged"),
    ("unable to read tree", Reason.CORRUPT, "an object it names is damaged or not there"),
    ("not a git repository", Reason.CORRUPT, "git does not take it for a repository"),
)
"""What git says when it fails, in the order in which to look for it, and what that means."""


class Git:
    """Asks git of one repository, as long as our folder lasts."""

    def __init__(self, folder: Path, layout: Layout, run: Runner, settings: Mapping[str, str]) -> None:
        self._folder, self._layout, self._run = folder, layout, run
        self.settings = settings
        """All words of the repository's own settings, as text: to be read, never to be obeyed."""

    def __call__(self, *words: str, limit_s: float, code: int = 0) -> bytes:
        """Ask git something; return what it says. ``code`` is another code that is no failure.

        Raises:
            SourceError: when there is no answer.
        """
        answer = self._ask(words, limit_s, {})
        if answer.code not in (0, code):
            raise _failure(answer)
        return answer.out

    def ask_remote(self, url: str, branch: str, helper: str | None, limit_s: float) -> bytes:
        """Ask a remote which commit its branch is at.

        Raises:
            SourceError: when there is no answer.
        """
        more = {
            "GIT_ALLOW_PROTOCOL": REMOTE_PROTOCOLS,
            "GIT_SSH_COMMAND": SSH,
            "HOME": os.environ.get("HOME", "/nonexistent"),  # where ssh keeps its keys and the hosts it knows
        } | {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}
        words = ("-c", f"credential.helper={helper}") if helper else ()
        answer = self._ask((*words, "ls-remote", "--", url, f"refs/heads/{branch}"), limit_s, more)
        if answer.code != 0:
            raise _failure(answer)
        return answer.out

    def _ask(self, words: tuple[str, ...], limit_s: float, more: Mapping[str, str]) -> Answer:
        place = self._layout.work or self._layout.own
        environment = {
            **ENVIRONMENT,
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_DIR": str(self._folder),
            **({"GIT_WORK_TREE": self._layout.work} if self._layout.work else {}),
            **_as_environment((*OURS, *self._handed_on())),
            **more,
        }
        return self._run(("git", "--no-pager", "-C", place, *words), environment, limit_s)

    def _handed_on(self) -> Iterator[tuple[str, str]]:
        for name in sorted(PLAIN & self.settings.keys()):
            if VALUE.fullmatch(self.settings[name]):
                yield name, self.settings[name]
        branch = self._layout.head.removeprefix("ref: refs/heads/")
        remote = self.settings.get(f"branch.{branch}.remote", "")
        for name in (f"branch.{branch}.remote", f"branch.{branch}.merge", f"remote.{remote}.fetch"):
            if self.settings.get(name):
                yield name, self.settings[name]


@contextmanager
def asking(layout: Layout, run: Runner, limit_s: float) -> Iterator[Git]:
    """Make the folder in which git is asked of a repository, and remove it again.

    Raises:
        SourceError: when the repository is of a kind that cannot be read, or git is not here.
    """
    with files.translated():
        folder = Path(tempfile.mkdtemp(prefix="quarterdeck-git-"))
    try:
        yield _prepared(folder, layout, run, limit_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(folder: Path, layout: Layout, run: Runner, limit_s: float) -> Git:
    with files.translated():
        (folder / "HEAD").write_text(layout.head + "\n", encoding="utf-8")
        (folder / "config").write_text(_config(layout, "sha1"), encoding="utf-8")
        for name in LINKED:
            if os.path.lexists(f"{layout.common}/{name}"):
                (folder / name).symlink_to(f"{layout.common}/{name}")
        if os.path.lexists(f"{layout.own}/index"):
            (folder / "index").symlink_to(f"{layout.own}/index")
        (folder / "info").mkdir()
    _copy(f"{layout.common}/info/exclude", folder / "info" / "exclude", CONFIG_LIMIT)
    _copy_index_parts(layout, folder)
    git = Git(folder, layout, run, _settings(folder, layout, run, limit_s))
    form = git.settings.get("extensions.objectformat", "sha1")
    if form not in FORMATS or git.settings.get("extensions.refstorage", "files") != "files":
        raise SourceError(Reason.SCHEMA, "it keeps its objects or branches in a form that is not read here")
    with files.translated():
        (folder / "config").write_text(_config(layout, form), encoding="utf-8")
    return git


def _config(layout: Layout, form: str) -> str:
    bare = "true" if layout.work is None else "false"
    if form == "sha1":
        return f"[core]\n\trepositoryformatversion = 0\n\tbare = {bare}\n"
    return f"[core]\n\trepositoryformatversion = 1\n\tbare = {bare}\n[extensions]\n\tobjectformat = {form}\n"


def _settings(folder: Path, layout: Layout, run: Runner, limit_s: float) -> dict[str, str]:
    """Return the words of a repository's settings: of a copy, by the one command of git that only reads a file."""
    copy = folder / "theirs"
    if not _copy(f"{layout.common}/config", copy, CONFIG_LIMIT):
        return {}
    git = Git(folder, layout, run, {})
    said = git("config", "--file", str(copy), "--no-includes", "--null", "--list", limit_s=limit_s)
    found: dict[str, str] = {}
    for entry in said.decode("utf-8", "replace").split("\0"):
        name, _, value = entry.partition("\n")
        if name and not (name.endswith("url") and name in found):  # of several addresses the first is asked
            found[name] = value
    return found


def _copy(source: str, target: Path, limit: int) -> bool:
    """Copy a file, if it is there."""
    try:
        data = files.read_bytes(source, limit=limit).data
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return False
        raise
    with files.translated():
        target.write_bytes(data)
    return True


def _copy_index_parts(layout: Layout, folder: Path) -> None:
    """Copy the shared part of an index that is kept in two: git marks that it has read it by touching it."""
    entries = files.list_dir(layout.own, limit=4_096).entries
    parts = [entry.name for entry in entries if entry.name.startswith("sharedindex.") and entry.kind == "file"]
    for name in parts[:INDEX_PARTS_LIMIT]:
        with suppress(SourceError):  # then git says that the index is not whole
            _copy(f"{layout.own}/{name}", folder / name, INDEX_LIMIT)


def _as_environment(settings: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Write settings where git takes them from, whatever is in their names."""
    words = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        words |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return words


def _failure(answer: Answer) -> SourceError:
    said = answer.err.decode("utf-8", "replace").lower()
    for words, reason, detail in FAILURES:
        if words in said:
            return SourceError(reason, detail)
    return SourceError(Reason.CORRUPT, f"git failed with code {answer.code}")
