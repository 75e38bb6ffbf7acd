"""From what a server answered to values. Pure: nothing a server sends can make it fail, or pass for what it is not."""

from __future__ import annotations

from typing import Any

import msgspec

from quarterdeck.http import Answer
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import ITEMS_LIMIT, Ident, ShapeError

NOT_JSON = (Reason.CORRUPT, "its answer is not the JSON it should be")
GOOD = range(200, 400)


class Model(msgspec.Struct):
    """One model as the server lists it."""

    name: str = ""


class Models(msgspec.Struct):
    """What a model server says of its models. A server without any may say null."""

    models: list[Model] | None = None


class Version(msgspec.Struct):
    """What a model server says of itself."""

    version: str


def is_expected(status: int, expect: int | None) -> bool:
    """Whether a status is right: the one that was named, or any good one."""
    return status == expect if expect is not None else status in GOOD


def complete(answer: Answer) -> bytes:
    """Return the body of an answer that came to its end.

    Raises:
        SourceError: when it did not: a beginning says nothing of the rest.
    """
    if not answer.whole:
        raise SourceError(Reason.CORRUPT, "its answer is longer than it may be")
    return answer.body


def models(body: bytes) -> tuple[str, ...]:
    """Return the names of the models in a list.

    Raises:
        SourceError: when it is no such list.
    """
    try:
        said = msgspec.json.decode(body, type=Models)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(*NOT_JSON) from None
    names = sorted({model.name for model in said.models or ()})
    if len(names) > ITEMS_LIMIT:
        raise SourceError(Reason.CORRUPT, f"it lists more than the {ITEMS_LIMIT} models it may")
    return tuple(name for name in names if _is_name(name))


def missing(wanted: tuple[str, ...], present: tuple[str, ...]) -> tuple[str, ...]:
    """Return the models that are not there. A name without a tag means the one tagged latest, as the server has it."""
    return tuple(name for name in wanted if full_name(name) not in {full_name(each) for each in present})


def full_name(name: str) -> str:
    """Return a model's name with its tag."""
    last = name.rpartition("/")[2]
    return name if ":" in last else f"{name}:latest"


def version(where: str, answer: Answer) -> object:
    """Return what stands in the named place of an answer.

    Raises:
        SourceError: when nothing stands there.
    """
    if not where.startswith("/"):
        found: Any = answer.headers.get(where.lower())
    else:
        found = _pointed_at(where, complete(answer))
    if found is None:
        raise SourceError(Reason.MISSING, "its answer holds nothing at the place its settings name")
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else found


def _pointed_at(where: str, body: bytes) -> Any:  # noqa: ANN401 -- it may be anything until its shape is asked
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(*NOT_JSON) from None
    for part in where.split("/")[1:]:
        if isinstance(found, dict):
            found = found.get(part.replace("~1", "/").replace("~0", "~"))
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def server_version(body: bytes) -> str:
    """Return the release that a model server says it is.

    Raises:
        SourceError: when it says none.
    """
    try:
        return msgspec.json.decode(body, type=Version).version
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(*NOT_JSON) from None


def _is_name(name: str) -> bool:
    try:
        Ident().load(name)
    except ShapeError:
        return False
    return True
