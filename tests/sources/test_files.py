"""Plain files are read without a trace, within bounds, and every broken one has its own reason."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import (
    FAILURES,
    Entry,
    SourceError,
    failure,
    human,
    list_dir,
    open_regular,
    parse_json,
    read_bytes,
    read_json,
    read_text,
    stat_file,
    tail,
)
from quarterdeck.truth.reading import Reason

LIMIT = 8_000_000
NOBODY = 65534
YEAR_NS = 365 * 86400 * 10**9

readers: list[Callable[[Path], object]] = [
    lambda path: read_bytes(path, limit=LIMIT),
    lambda path: read_text(path, limit=LIMIT),
    lambda path: read_json(path, limit=LIMIT),
    lambda path: tail(path, limit=LIMIT),
    stat_file,
]
every_reader = pytest.mark.parametrize("read", readers, ids=["bytes", "text", "json", "tail", "stat"])
every_opener = pytest.mark.parametrize("read", readers[:4], ids=["bytes", "text", "json", "tail"])


def refusal(read: Callable[[Path], object], path: Path) -> SourceError:
    """What a reader says that cannot read; it has to say it at once."""
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        read(path)
    assert time.monotonic() - began < 5
    assert str(path) not in str(caught.value)
    return caught.value


@contextmanager
def as_someone_else() -> Iterator[None]:
    """Without root's right to read everything; whoever is not root has none to lose."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


def written(path: Path, data: bytes = b"{}", *, age_ns: int = YEAR_NS) -> Path:
    """A file that was last read before it was last written: a visible look would move its access time."""
    path.write_bytes(data)
    now = time.time_ns()
    os.utime(path, ns=(now - 2 * age_ns, now - age_ns))
    return path


@contextmanager
def running(script: str, path: Path, *, wait_for: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """Another program at work on a file; it is killed afterwards."""
    with subprocess.Popen([sys.executable, "-c", script, path]) as process:
        try:
            while wait_for and not path.exists():
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


class TestReading:
    def test_bytes(self, tmp_path: Path) -> None:
        """A file is returned whole, with the state it was in."""
        path = written(tmp_path / "f", b"\0\xff" * 1_000_000)
        file = read_bytes(path, limit=LIMIT)
        found = path.stat()
        assert (file.data, file.mtime, file.inode, file.size) == (
            b"\0\xff" * 1_000_000,
            found.st_mtime,
            found.st_ino,
            2_000_000,
        )

    def test_text(self, tmp_path: Path) -> None:
        """Text may begin with a byte order mark, which is not part of it."""
        assert read_text(written(tmp_path / "f", b"\xef\xbb\xbfcaf\xc3\xa9"), limit=LIMIT).data == "café"

    def test_json(self, tmp_path: Path) -> None:
        """JSON is returned understood, a byte order mark or none."""
        file = read_json(written(tmp_path / "f", b'\xef\xbb\xbf{"jobs": [1, 2.5, null]}'), limit=LIMIT)
        assert file.data == {"jobs": [1, 2.5, None]}
        assert file.size == 27

    def test_stat(self, tmp_path: Path) -> None:
        """A file can be looked at from outside."""
        path = written(tmp_path / "f", b"123")
        found, real = stat_file(path), path.stat()
        assert (found.mtime, found.inode, found.device, found.size) == (real.st_mtime, real.st_ino, real.st_dev, 3)

    def test_through_a_link(self, tmp_path: Path) -> None:
        """A symbolic link to a file is as good as the file: homes are moved that way."""
        written(tmp_path / "f", b"moved")
        (tmp_path / "link").symlink_to("f")
        assert read_bytes(tmp_path / "link", limit=LIMIT).data == b"moved"

    def test_exactly_the_limit(self, tmp_path: Path) -> None:
        """A file of exactly its limit is read, and one byte more is too much."""
        path = written(tmp_path / "f", b"12345")
        assert read_bytes(path, limit=5).size == 5
        assert (
            refusal(lambda path: read_bytes(path, limit=4), path).detail
            == "5 bytes is more than the 4 bytes it may have"
        )

    def test_files_of_the_kernel(self) -> None:
        """Files that do not know their own size are read to their end, and bounded all the same."""
        assert read_bytes("/proc/self/status", limit=LIMIT).data.startswith(b"Name:")
        assert refusal(lambda path: read_bytes(path, limit=10), Path("/proc/self/status")).reason is Reason.CORRUPT

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_json_as_written(self, value: object) -> None:
        """Whatever one program wrote as JSON is read as the same value."""
        assert parse_json(json.dumps(value).encode()) == value


class TestBroken:
    @every_reader
    def test_missing(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A file that is not there is missing."""
        assert refusal(read, tmp_path / "f").reason is Reason.MISSING

    @every_reader
    def test_directory(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A directory in a file's place is named as one."""
        error = refusal(read, tmp_path)
        assert (error.reason, error.detail) == (Reason.CORRUPT, "a directory, not a file")

    @every_reader
    def test_pipe(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A pipe is refused, not waited for."""
        os.mkfifo(tmp_path / "f")
        assert refusal(read, tmp_path / "f").detail == "a pipe, not a file"

    @every_reader
    def test_socket(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A socket is refused."""
        with closing(socket.socket(socket.AF_UNIX)) as listener, tempfile.TemporaryDirectory() as short:
            listener.bind(f"{short}/s")
            assert refusal(read, Path(short) / "s").detail == "a socket, not a file"

    @every_reader
    def test_device(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A device is refused, also behind a link, and never opened."""
        (tmp_path / "f").symlink_to("/dev/zero")
        assert refusal(read, tmp_path / "f").detail == "a device, not a file"

    @every_reader
    def test_links_in_circles(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """Symbolic links that lead in circles are refused."""
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        error = refusal(read, tmp_path / "a")
        assert (error.reason, error.detail) == (Reason.CORRUPT, "a symbolic link that leads in circles")

    @every_reader
    def test_file_on_the_way(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A file where a directory should be on the way is no missing file."""
        written(tmp_path / "cron")
        assert refusal(read, tmp_path / "cron" / "jobs.json").reason is Reason.CORRUPT

    @every_opener
    def test_not_allowed(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A file that may not be read is denied."""
        path = written(tmp_path / "f")
        path.chmod(0)
        with as_someone_else():
            assert refusal(read, path).reason is Reason.DENIED

    @every_reader
    def test_names_no_file_has(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """A name taken from broken input is refused like the input."""
        assert refusal(read, Path("a\0b")).reason is Reason.CORRUPT
        assert refusal(read, Path("\ud800")).reason is Reason.CORRUPT
        assert refusal(read, tmp_path / ("x" * 300)).reason is Reason.CORRUPT

    @pytest.mark.parametrize("read", readers[:3], ids=["bytes", "text", "json"])
    def test_enormous(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """Two gigabytes of nothing are refused by their size, without being read."""
        (tmp_path / "f").touch()
        os.truncate(tmp_path / "f", 2_000_000_000)
        error = refusal(read, tmp_path / "f")
        assert (error.reason, error.detail) == (Reason.CORRUPT, "2 GB is more than the 8 MB it may have")

    def test_too_many_open_files(self, tmp_path: Path) -> None:
        """When this program has run out of descriptors, that is its own fault and not the file's."""
        written(tmp_path / "f")
        script = (
            "import resource, sys\n"
            "from quarterdeck.sources.files import SourceError, read_bytes\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
            "try: read_bytes(sys.argv[1], limit=10)\n"
            "except SourceError as error: print(error.reason.name, error.detail)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "f"], check=False, capture_output=True, text=True, timeout=30
        )
        assert done.stdout.startswith("OBSERVER Quarterdeck has too many files open"), done.stderr

    @pytest.mark.parametrize("code", [*FAILURES, 9999])
    def test_every_error_of_the_system_has_words(self, code: int) -> None:
        """Every error of the operating system becomes a reason with words, the unheard-of ones too."""
        error = failure(OSError(code, "text of the system", "/a/path"))
        assert error.detail
        assert "path" not in error.detail


class TestBrokenJson:
    @pytest.mark.parametrize(
        ("data", "detail"),
        [
            (b"", "empty"),
            (b" \n\t", "empty"),
            (b"\xef\xbb\xbf", "empty"),
            (b'{"a": 1,', "not JSON: expecting property name enclosed in double quotes at line 1, column 9"),
            (b'{"a":\n tru', "not JSON: expecting value at line 2, column 2"),
            (b"{} {}", "not JSON: extra data at line 1, column 4"),
            (b'{"a": "b', "not JSON: unterminated string starting at line 1, column 7"),
            (b"PK\x03\x04\xff", "not UTF-8 text: byte 4 is out of place"),
            (b"\0\0\0\0", "not JSON: expecting value at line 1, column 1"),
            (b"NaN", "not JSON: NaN or Infinity where a number should be"),
            (b'{"a": -Infinity}', "not JSON: NaN or Infinity where a number should be"),
            (b"1e999", "not sensible JSON: a number too large to be one"),
            (b"9" * 5000, "not sensible JSON: a number too long to be one"),
            (b"[" * 100_000, "not sensible JSON: nested too deeply"),
            (b'{"a":' * 100_000, "not sensible JSON: nested too deeply"),
        ],
    )
    def test_says_where_it_broke(self, data: bytes, detail: str, tmp_path: Path) -> None:
        """What is not JSON is corrupt, and the reason says where."""
        error = refusal(lambda path: read_json(path, limit=LIMIT), written(tmp_path / "f", data))
        assert (error.reason, error.detail) == (Reason.CORRUPT, detail)

    @given(st.binary(max_size=200))
    def test_random_bytes(self, data: bytes) -> None:
        """Random bytes are JSON or corrupt, nothing else, and whatever is understood can be written again."""
        with suppress(SourceError):
            json.dumps(parse_json(data), ensure_ascii=False, allow_nan=False).encode()

    @given(st.floats(0, 1, exclude_max=True))
    def test_truncated_anywhere(self, share: float) -> None:
        """A document cut off anywhere is corrupt, and its content is not in the reason."""
        whole = json.dumps({"jobs": [{"id": "934a7b9942d5", "name": "marker-of-something-private"}] * 20}).encode()
        with pytest.raises(SourceError) as caught:
            parse_json(whole[: int(len(whole) * share)])
        assert caught.value.reason is Reason.CORRUPT
        assert "marker" not in str(caught.value)

    def test_halves_of_characters(self, tmp_path: Path) -> None:
        """Half of a character, which JSON can spell and UTF-8 cannot, is replaced; whole ones are kept."""
        path = written(tmp_path / "f", rb'{"\ud83d": ["cut \ud83d", "whole \ud83d\ude00", "\\ud83d"]}')
        assert read_json(path, limit=LIMIT).data == {"\ufffd": ["cut \ufffd", "whole \U0001f600", r"\ud83d"]}


class TestMovingFiles:
    def test_replaced_all_the_time(self, tmp_path: Path) -> None:
        """A file that is atomically replaced all the time is read whole every time, old or new."""
        path = tmp_path / "f"
        script = (
            "import os, sys, itertools\n"
            "for n in itertools.count():\n"
            "    open(sys.argv[1] + '~', 'w').write(f'[{n}' + f',{n}' * 5000 + ']')\n"
            "    os.replace(sys.argv[1] + '~', sys.argv[1])\n"
        )
        with running(script, path):
            seen = [read_json(path, limit=LIMIT).data for _ in range(200)]
        assert all(isinstance(numbers, list) and len(set(numbers)) == 1 for numbers in seen)

    def test_rewritten_in_place(self, tmp_path: Path) -> None:
        """A file that is rewritten in place all the time is read whole, or has a reason; it is never half a file."""
        path = tmp_path / "f"
        script = (
            "import sys, time, itertools\n"
            "for n in itertools.count():\n"
            "    with open(sys.argv[1], 'w') as file: file.write(f'[{n}' + f',{n}' * 5000 + ']')\n"
            "    time.sleep(0.002)\n"
        )
        whole: list[object] = []
        reasons: set[Reason] = set()
        with running(script, path):
            for _ in range(200):
                try:
                    whole.append(read_json(path, limit=LIMIT).data)
                except SourceError as error:
                    reasons.add(error.reason)
        assert whole
        assert all(isinstance(numbers, list) and (len(numbers), len(set(numbers))) == (5001, 1) for numbers in whole)
        assert reasons <= {Reason.BUSY, Reason.CORRUPT}

    def test_growing_without_end(self, tmp_path: Path) -> None:
        """A file that never holds still is read whole or found busy, and busy it is found."""
        path = tmp_path / "f"
        script = (
            "import sys\n"
            "with open(sys.argv[1], 'ab', 0) as file:\n"
            "    while True:\n"
            "        for _ in range(4000): file.write(b'x' * 5000)\n"
            "        file.truncate(0)\n"
        )
        reasons: set[Reason] = set()
        with running(script, path):
            while not reasons:
                try:
                    assert set(read_bytes(path, limit=30_000_000).data) <= {ord("x")}
                except SourceError as error:
                    reasons.add(error.reason)
        assert reasons == {Reason.BUSY}

    def test_half_written_is_read_again(self, tmp_path: Path) -> None:
        """A young file that makes no sense is given the time to be finished."""
        path = tmp_path / "f"
        path.write_bytes(b'{"half":')
        script = "import sys, time\ntime.sleep(0.005)\nopen(sys.argv[1], 'a').write(' 1}')\n"
        results = []
        for _ in range(20):
            path.write_bytes(b'{"half":')
            with running(script, path, wait_for=False) as writer:
                writer.wait(30)
            results.append(read_json(path, limit=LIMIT).data)
        assert results == [{"half": 1}] * 20


class TestTail:
    def test_from_where_it_was(self, tmp_path: Path) -> None:
        """Reading on returns exactly what was added."""
        path = written(tmp_path / "log", b"one\n")
        first = tail(path, limit=100)
        with path.open("ab") as log:
            log.write(b"two\n")
        second = tail(path, limit=100, offset=first.end, inode=first.inode)
        assert (first.data, second.data, second.start, second.end) == (b"one\n", b"two\n", 4, 8)
        assert tail(path, limit=100, offset=second.end, inode=second.inode).data == b""

    def test_passes_over_what_is_too_much(self, tmp_path: Path) -> None:
        """Of more than the limit the newest part is read, and the start says so."""
        found = tail(written(tmp_path / "log", b"0123456789"), limit=3, offset=2)
        assert (found.data, found.start, found.end, found.size) == (b"789", 7, 10, 10)

    def test_shrunk(self, tmp_path: Path) -> None:
        """A file that is shorter than before begins anew."""
        found = tail(written(tmp_path / "log", b"new"), limit=100, offset=50)
        assert (found.data, found.start) == (b"new", 0)

    def test_rotated(self, tmp_path: Path) -> None:
        """Another file under the same name begins anew, however long it is."""
        path = written(tmp_path / "log", b"old line\n")
        first = tail(path, limit=100)
        path.rename(tmp_path / "log.1")
        written(path, b"a new and longer file\n")
        found = tail(path, limit=100, offset=first.end, inode=first.inode)
        assert (found.data, found.start) == (b"a new and longer file\n", 0)

    def test_end_of_something_enormous(self, tmp_path: Path) -> None:
        """The end of an enormous file costs no more than the end of a small one."""
        path = tmp_path / "log"
        path.touch()
        os.truncate(path, 2_000_000_000)
        with path.open("ab") as log:
            log.write(b"last\n")
        found = tail(path, limit=5)
        assert (found.data, found.start) == (b"last\n", 2_000_000_000)


class TestListing:
    def test_names_and_kinds(self, tmp_path: Path) -> None:
        """A directory's names come sorted, each with its kind, and links are not followed."""
        written(tmp_path / "b")
        (tmp_path / "a").mkdir()
        (tmp_path / "c").symlink_to("a")
        os.mkfifo(tmp_path / "d")
        listing = list_dir(tmp_path, limit=10)
        assert listing.entries == (Entry("a", "directory"), Entry("b", "file"), Entry("c", "link"), Entry("d", "other"))
        assert not listing.more

    def test_no_more_than_allowed(self, tmp_path: Path) -> None:
        """A directory larger than the limit is listed in part, and says that there is more."""
        for number in range(20):
            (tmp_path / str(number)).touch()
        listing = list_dir(tmp_path, limit=7)
        assert (len(listing.entries), listing.more) == (7, True)
        assert not list_dir(tmp_path, limit=20).more

    def test_names_that_are_not_text(self, tmp_path: Path) -> None:
        """A name that could not be shown is left out, and the listing says that there is more."""
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")).touch()
        (tmp_path / "fine").touch()
        listing = list_dir(tmp_path, limit=10)
        assert ([entry.name for entry in listing.entries], listing.more) == (["fine"], True)

    def test_what_is_no_directory(self, tmp_path: Path) -> None:
        """What is not a directory, not there or not allowed cannot be listed, each for its own reason."""
        read = lambda path: list_dir(path, limit=10)  # noqa: E731
        assert refusal(read, written(tmp_path / "f")).detail == "a file, not a directory"
        assert refusal(read, tmp_path / "none").reason is Reason.MISSING
        (tmp_path / "closed").mkdir(mode=0)
        with as_someone_else():
            assert refusal(read, tmp_path / "closed").reason is Reason.DENIED


class TestNoTrace:
    @every_reader
    def test_files(self, read: Callable[[Path], object], tmp_path: Path) -> None:
        """Reading a file moves none of its times."""
        path = written(tmp_path / "f")
        before = os.stat(path)
        read(path)
        assert os.stat(path) == before

    def test_directories(self, tmp_path: Path) -> None:
        """Listing a directory moves none of its times."""
        written(tmp_path / "f")
        os.utime(tmp_path, ns=(time.time_ns() - 2 * YEAR_NS, time.time_ns() - YEAR_NS))
        before = os.stat(tmp_path)
        list_dir(tmp_path, limit=10)
        assert os.stat(tmp_path) == before

    def test_someone_elses_file(self) -> None:
        """Where the kernel does not let a look be hidden, a file that may be read is still read."""
        with as_someone_else():
            assert b"root" in read_bytes("/etc/passwd", limit=LIMIT).data

    def test_nothing_stays_open(self, tmp_path: Path) -> None:
        """Neither success nor failure leaves a descriptor behind."""
        path = written(tmp_path / "f")
        before = os.listdir("/proc/self/fd")
        for read in readers:
            read(path)
            refusal(read, tmp_path)
        list_dir(tmp_path, limit=5)
        assert os.listdir("/proc/self/fd") == before

    def test_cannot_write(self, tmp_path: Path) -> None:
        """The descriptor itself is only good for reading."""
        descriptor = open_regular(written(tmp_path / "f"))
        try:
            with pytest.raises(OSError):
                os.write(descriptor, b"x")
        finally:
            os.close(descriptor)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (8_000_000, "8 MB"),
        (2_147_483_648, "2.1 GB"),
        (10**20, "100 EB"),
    ],
)
def test_sizes_in_words(size: int, words: str) -> None:
    """Sizes are told as an operator reads them."""
    assert human(size) == words
