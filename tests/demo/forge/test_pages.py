"""What a person sees who opens a link to the forge of the demo."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.fakes.forge import FakeForge


def page(fake: FakeForge, path: str) -> str:
    """Open a page."""
    with urlopen(fake.url + path, timeout=10) as answer:
        return str(answer.read().decode())


def test_every_link_that_is_told_leads_somewhere(fake: FakeForge) -> None:
    """Repositories, issues and pull requests have a page with what they say, and nothing on it is markup of theirs."""
    issue = fake.issue("Count <b>all</b> crates", "Twice & more")
    pull = fake.pull("Count them")
    fake.by(fake.bob).comment(issue, "<i>No</i>")
    assert "acme/tools" in page(fake, "/")
    assert "#2 Count them (open)" in page(fake, "/acme/tools")
    shown = page(fake, f"/acme/tools/issues/{issue.number}")
    assert "Count &lt;b&gt;all&lt;/b&gt; crates" in shown
    assert "bob: &lt;i&gt;No&lt;/i&gt;" in shown
    assert "Count them" in page(fake, f"/acme/tools/pulls/{pull.number}")


@pytest.mark.parametrize("path", ["/acme", "/acme/none", "/acme/quiet", "/acme/tools/issues/9", "/acme/tools/none"])
def test_what_is_not_there_has_no_page(fake: FakeForge, path: str) -> None:
    """What is private, and what is nowhere, is not found."""
    fake.repo("quiet", private=True)
    with pytest.raises(HTTPError, match="404"):
        page(fake, path)
