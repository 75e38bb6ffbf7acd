"""What a person sees who opens a link to the forge: enough to know where they are, and that it is a demo."""

from __future__ import annotations

from html import escape
from typing import Final

from quarterdeck.demo.forge.asking import Answer
from quarterdeck.demo.forge.reading import place, title
from quarterdeck.demo.forge.state import Forge, Repo, Thread

OF_REPO: Final = 3
"""Parts of the path of a repository."""
HTML: Final = "text/html; charset=utf-8"
PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ font: 16px/1.5 system-ui; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }}</style>
<p>The forge of a demo: nothing in it is real.</p>
<h1>{title}</h1>
<p>{about}</p>
<pre style="white-space: pre-wrap">{text}</pre>
<ul>{links}</ul>
</html>
"""


def answered(forge: Forge, path: str) -> Answer:
    """Show a page."""
    found = place(forge, path)
    if path != "/" and (found is None or (found[1] is None and len(path.split("/")) != OF_REPO)):
        return _page("Not found", "There is nothing here.", "", "", status=404)
    if found is None:
        shown = [repo for repo in forge.repos.values() if not repo.private and not repo.hidden]
        return _page(
            "Repositories",
            f"{len(shown)} of them",
            "",
            "".join(_link(f"/{each.full_name}", each.full_name) for each in shown),
        )
    return _repo(*found) if found[1] is None else _thread(found[0], found[1])


def _repo(repo: Repo, _: Thread | None) -> Answer:
    listed = sorted(repo.threads.values(), key=lambda each: (each.closed is not None, -each.number))
    return _page(repo.full_name, repo.description, "", "".join(_row(repo, each) for each in listed))


def _thread(repo: Repo, thread: Thread) -> Answer:
    who = f"#{thread.number} in {repo.full_name}, opened by {thread.author.login}"
    said = [
        f"{event.who.login}: {event.body}"
        for event in thread.events
        if event.type in {"comment", "review"} and event.body
    ]
    return _page(title(thread), who, "\n\n".join([thread.body, *said]), _link(f"/{repo.full_name}", repo.full_name))


def _row(repo: Repo, thread: Thread) -> str:
    kind = "issues" if thread.pull is None else "pulls"
    return _link(f"/{repo.full_name}/{kind}/{thread.number}", f"#{thread.number} {title(thread)}")


def _link(where: str, what: str) -> str:
    return f'<li><a href="{escape(where)}">{escape(what)}</a></li>'


def _page(name: str, about: str, text: str, links: str, *, status: int = 200) -> Answer:
    shown = PAGE.format(title=escape(name), about=escape(about), text=escape(text), links=links)
    return Answer(status, shown.encode(), HTML)
