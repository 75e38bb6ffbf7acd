"""What the forge of the demo answers, and the habits of real ones that it has on purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from quarterdeck.demo.forge import founding
from quarterdeck.demo.forge.state import Rule
from tests.demo.forge.talking import talk
from tests.fakes.forge import FakeForge

TOOLS = "/repos/acme/tools"


def test_it_says_which_release_it_is_and_how_much_it_tells_at_once(fake: FakeForge) -> None:
    """It says its release and its limits, also to nobody."""
    assert talk(fake, "/version", token=None).json == {"version": "1.25.3"}
    assert talk(fake, "/settings/api", token=None).json["max_response_items"] == 50


def test_forgejo_says_which_gitea_it_came_from(forgejo: FakeForge) -> None:
    """The other flavour says so in its release."""
    assert talk(forgejo, "/version").json == {"version": "11.0.3+gitea-1.22.0"}


def test_a_token_is_told_what_it_lacks_and_what_it_may(fake: FakeForge) -> None:
    """A token that may not read accounts is refused in the words that name its scopes."""
    said = talk(fake, "/user")
    needed, has = "required=[read:user]", "token scope=read:issue,read:repository,read:organization"
    assert (said.status, said.message) == (
        403,
        f"token does not have at least one of required scope(s), {needed}, {has}",
    )


def test_forgejo_does_not_say_what_a_token_may(forgejo: FakeForge) -> None:
    """The other flavour says only what is needed."""
    assert talk(forgejo, "/user").message == "token does not have at least one of required scope(s): [read:user]"


def test_admins_alone_are_told_what_the_site_does(fake: FakeForge) -> None:
    """Past the scope, somebody who is no admin of the site is refused for that."""
    assert talk(fake, "/admin/cron").message.endswith("token scope=read:issue,read:repository,read:organization")
    assert talk(fake, "/admin/cron", token=fake.login(fake.alice)).message == "user should be the site admin"


@pytest.mark.parametrize(
    ("token", "message"), [(None, "token is required"), ("x", "invalid username, password or token")]
)
def test_who_does_not_say_who_they_are_is_refused(fake: FakeForge, token: str | None, message: str) -> None:
    """Nobody, and somebody with a word that is not known, are told so."""
    said = talk(fake, "/user", token=token)
    assert (said.status, said.message) == (401, message)


def test_nothing_has_an_etag_and_the_time_is_told(fake: FakeForge) -> None:
    """An answer has no ETag and says nothing of limits, and has the moment in whole seconds."""
    said = talk(fake, "/repos/search")
    assert not {"etag", "last-modified", "x-ratelimit-limit", "ratelimit-limit"} & set(said.headers)
    assert abs(parsedate_to_datetime(said.headers["date"]) - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_list_comes_by_pages_of_thirty_and_at_most_fifty(fake: FakeForge) -> None:
    """Nobody gets more than fifty at once, and the headers say how many there are and where the others are."""
    for number in range(53):
        fake.issue(f"Crate {number}")
    plain, most = talk(fake, f"{TOOLS}/issues"), talk(fake, f"{TOOLS}/issues?limit=500")
    assert [len(plain.json), len(most.json)] == [30, 50]
    assert most.headers["x-total-count"] == "53"
    assert most.headers["link"] == (
        f'<{fake.url}/api/v1{TOOLS}/issues?limit=500&page=2>; rel="next",'
        f'<{fake.url}/api/v1{TOOLS}/issues?limit=500&page=2>; rel="last"'
    )
    last = talk(fake, f"{TOOLS}/issues?limit=50&page=2").json
    assert [each["title"] for each in last] == ["Crate 2", "Crate 1", "Crate 0"]


def test_a_search_tells_of_what_moved_since(fake: FakeForge) -> None:
    """A search over all repositories tells of what moved at a moment or later, and of nothing else."""
    fake.stand_still(datetime(2026, 5, 1, 10, tzinfo=UTC))
    fake.issue("Old")
    moved = fake.issue("Moved")
    fake.stand_still(datetime(2026, 5, 1, 11, tzinfo=UTC))
    fake.by(fake.bob).comment(moved, "Here.")
    pull = fake.pull("New")
    found = talk(fake, "/repos/issues/search?state=all&since=2026-05-01T11:00:00Z").json
    assert {each["title"] for each in found} == {"Moved", "New"}
    only = talk(fake, "/repos/issues/search?type=pulls&since=2026-05-01T11:00:00Z").json
    assert [each["number"] for each in only] == [pull.number]
    assert talk(fake, "/repos/issues/search?since=yesterday").status == 422


def test_an_empty_list_of_people_is_null(fake: FakeForge) -> None:
    """Where nobody is assigned, and nobody asked for a review, there is null and no list."""
    thread = fake.pull("Count them twice")
    told = talk(fake, f"{TOOLS}/pulls/{thread.number}").json
    assert (told["assignees"], told["requested_reviewers"], told["milestone"]) == (None, None, None)


def test_nobody_but_oneself_is_told_whether_an_account_is_active(fake: FakeForge) -> None:
    """Of others everybody is told false, which says nothing; the address is empty too."""
    fake.issue("Count the crates")
    (told,) = talk(fake, f"{TOOLS}/issues").json
    assert (told["user"]["active"], told["user"]["email"]) == (False, "")
    assert talk(fake, "/user", token=fake.login(fake.alice)).json["active"] is True


def test_an_account_that_is_gone_is_a_ghost(fake: FakeForge) -> None:
    """What somebody wrote whose account was deleted is by the Ghost."""
    fake.issue("Count the crates")
    del fake.forge.accounts["alice"]
    (told,) = talk(fake, f"{TOOLS}/issues").json
    assert (told["user"]["id"], told["user"]["login"]) == (-1, "Ghost")


def test_who_asks_for_an_unknown_person_gets_no_empty_list(fake: FakeForge) -> None:
    """Issues of somebody whom nobody knows are not none: the list is not there."""
    assert talk(fake, f"{TOOLS}/issues?assigned_by=nobody").status == 404
    assert talk(fake, "/repos/issues/search?owner=nobody").status == 400


def test_a_program_is_told_of_no_repositories_of_its_own(fake: FakeForge) -> None:
    """What belongs to an account is not what it works in."""
    assert talk(fake, "/user/repos", token=fake.login(fake.north)).json == []
    assert [each["full_name"] for each in talk(fake, "/repos/search").json["data"]] == ["acme/tools"]


def test_a_private_repository_and_one_that_is_gone_look_the_same(fake: FakeForge) -> None:
    """To somebody who may not see it, a private repository is not there, exactly as one that was taken away."""
    fake.repo("quiet", private=True)
    absent, hidden = talk(fake, "/repos/acme/none"), talk(fake, "/repos/acme/quiet")
    fake.tools.hidden = True
    gone = talk(fake, TOOLS)
    assert absent.body == hidden.body == gone.body
    assert {absent.status, hidden.status, gone.status} == {404}
    assert talk(fake, "/repos/acme/quiet", token=fake.login(fake.alice)).status == 200
    assert talk(fake, "/repos/acme/quiet", token=fake.login(fake.alice, "read:repository", "public-only")).status == 404


def test_the_whole_rule_of_a_branch_is_for_admins(fake: FakeForge) -> None:
    """Everybody is told how many approvals and which checks; the rest is for admins of the repository."""
    fake.tools.rules["main"] = Rule("main", 2, ("ci/*",), block_on_rejected_reviews=True)
    told = talk(fake, f"{TOOLS}/branches/main").json
    assert (told["protected"], told["required_approvals"], told["status_check_contexts"]) == (True, 2, ["ci/*"])
    assert "block_on_rejected_reviews" not in told
    assert talk(fake, f"{TOOLS}/branch_protections").status == 403
    fake.tools.admins.append(fake.reader.account)
    (rule,) = talk(fake, f"{TOOLS}/branch_protections").json
    assert (rule["block_on_rejected_reviews"], rule["block_on_outdated_branch"]) == (True, False)


def test_a_branch_name_may_have_a_slash(fake: FakeForge) -> None:
    """A claim is a branch with a slash in its name, and can be asked for by that name, also written for a path."""
    fake.push("claim/7", {"notes.md": "mine\n"})
    for name in ("claim/7", "claim%2F7"):
        assert talk(fake, f"{TOOLS}/branches/{name}").json["commit"]["author"]["username"] == "north-bot"


def test_labels_of_a_repository_are_without_those_of_its_organisation(fake: FakeForge) -> None:
    """The labels of the organisation are asked for where they are, and what nobody knows is passed over."""
    own = founding.label(fake.forge, fake.tools.labels, "kind/bug")
    founding.label(fake.forge, fake.forge.org_labels.setdefault("acme", []), "status/ready", exclusive=True)
    assert [each["name"] for each in talk(fake, f"{TOOLS}/labels").json] == ["kind/bug"]
    (shared,) = talk(fake, "/orgs/acme/labels").json
    assert (shared["name"], shared["exclusive"]) == ("status/ready", True)
    fake.by(fake.alice).label(fake.issue("One"), own)
    fake.issue("Two")
    assert len(talk(fake, "/repos/issues/search?labels=kind/bug,nonsense").json) == 1
    assert len(talk(fake, "/repos/issues/search?labels=nonsense").json) == 2


def test_dependencies_can_be_switched_off(fake: FakeForge) -> None:
    """Where threads cannot depend on each other, the list of what one depends on is not there."""
    first, second = fake.issue("First"), fake.issue("Second")
    fake.by(fake.alice).depend(second, first)
    listed = talk(fake, f"{TOOLS}/issues/{second.number}/dependencies")
    assert [each["number"] for each in listed.json] == [first.number]
    assert "x-total-count" not in listed.headers
    assert [each["number"] for each in talk(fake, f"{TOOLS}/issues/{first.number}/blocks").json] == [second.number]
    fake.tools.dependencies = False
    assert talk(fake, f"{TOOLS}/issues/{second.number}/dependencies").status == 404


def test_files_are_told_as_they_are(fake: FakeForge) -> None:
    """A file comes as it is, or with its content, of a branch or a commit; a folder is a list."""
    sha = fake.push("work", {"docs/CODEOWNERS": "accounts/.* @alice\n"})
    assert talk(fake, f"{TOOLS}/raw/docs/CODEOWNERS?ref=work").body == b"accounts/.* @alice\n"
    assert talk(fake, f"{TOOLS}/raw/docs/CODEOWNERS").status == 404
    assert talk(fake, f"{TOOLS}/contents/docs/CODEOWNERS?ref={sha}").json["encoding"] == "base64"
    assert [each["path"] for each in talk(fake, f"{TOOLS}/contents/docs?ref=work").json] == ["docs/CODEOWNERS"]


def test_what_cannot_be_asked_is_not_there(fake: FakeForge) -> None:
    """A path that nothing answers, and a method that a path does not have, are told apart."""
    assert talk(fake, "/nonsense").status == 404
    assert talk(fake, "/version", "POST").status == 405
