"""Every setting there is: its name, what it may be, what it is when nobody says, and what it is for.

Rule: a setting that is not in this table does not exist. The file is read by it, the reference page is written from it.
"""

from __future__ import annotations

from dataclasses import fields

from quarterdeck.settings import readers
from quarterdeck.settings.access import ACCESS, LEDGER, SERVER
from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.exposure import EXPOSURE
from quarterdeck.settings.forges import FORGE_LOGIN, FORGES
from quarterdeck.settings.model import History
from quarterdeck.truth.thresholds import Thresholds

DEFAULT_FILE = "~/.config/quarterdeck/quarterdeck.toml"
SNAPSHOTS = "/var/lib/quarterdeck-snapshots"

_BY_ENDING = {"_s": readers.seconds, "_share": readers.share}


def _threshold(name: str, default: float) -> Setting:
    """The reader of a limit follows from its name and kind, its help from where it is declared."""
    by_name = next((reader for ending, reader in _BY_ENDING.items() if name.endswith(ending)), None)
    reader = by_name or (readers.times if isinstance(default, int) else readers.number())
    return Setting(reader, "", f"{default:g}")


THRESHOLDS = {limit.name: _threshold(limit.name, getattr(Thresholds(), limit.name)) for limit in fields(Thresholds)}

POLICY = {
    "job_names": Setting(
        readers.boolean,
        "Show the names of cron jobs. The agent makes a name from the job's prompt, so a name can be personal.",
        "false",
    ),
    "session_titles": Setting(
        readers.boolean, "Let the titles of sessions leave the home. They are made from what was said.", "false"
    ),
    "session_texts": Setting(
        readers.boolean,
        "Show what was said in a session to whoever opens its page. Texts are read from the home each time, what looks "
        "like a credential is masked, and they are neither exported nor kept.",
        "false",
    ),
    "redact_secrets": Setting(
        readers.boolean,
        "Mask credentials in the texts of sessions. With false they are shown as they stand; in what is kept, "
        "exported, signed or logged they are masked in any case.",
        "true",
    ),
    "redact_pii": Setting(
        readers.boolean,
        "Mask addresses of mail, telephone numbers, card numbers and public network addresses in texts, titles and "
        "names. These are guesses: some are missed, and some numbers are masked that are none.",
        "false",
    ),
}

INSTANCE = Table(
    "An agent: one Hermes home with its gateway. Homes of this user are found without being named; name one here to "
    "call it otherwise, to decide about it, or because it cannot be found.",
    {
        "id": Setting(
            readers.identity,
            "Its short name, in addresses and commands. Keep it: what is remembered of the agent hangs on it.",
            required=True,
            example='"north"',
        ),
        "label": Setting(readers.text, "Its name on the pages.", "the id", example='"North"'),
        "home": Setting(readers.path, "Its home folder. Needed unless `snapshot` is given.", example='"~/.hermes"'),
        "user": Setting(
            readers.user, "The OS user it runs as, where that is not the owner of its home.", "the owner of its home"
        ),
        "unit": Setting(
            readers.unit,
            "The systemd unit of its gateway.",
            "`hermes-gateway` or `hermes-gateway-PROFILE`, when there is proof that the unit is this agent's",
            example='"hermes-gateway.service"',
        ),
        "scope": Setting(
            readers.choice("user", "system"), "Which systemd runs that unit: the user's or the system's.", '"user"'
        ),
        "dashboard": Setting(
            readers.address, "The address of the agent's own dashboard, for a link.", example='"http://127.0.0.1:9119"'
        ),
        "runbook": Setting(
            readers.link,
            "Where it is written what to do when it fails, for a link.",
            example='"https://example.net/north"',
        ),
        "ssh": Setting(
            readers.ssh,
            "The host it runs on as you reach it by ssh, for commands to copy.",
            "no such commands",
            example='"me@deck"',
        ),
        "forge_login": FORGE_LOGIN,
        "user_logins": Setting(
            readers.boolean,
            "Look for a person's own logins (`.git-credentials`, `gh` and the like) in the home folder of the user it "
            "runs as: the agent can use them too. Their values are not kept.",
            "true",
        ),
        "snapshot": Setting(
            readers.path,
            "The file its exporter writes, where its home is another user's. `quarterdeck units` makes the exporter.",
        ),
    },
    {
        "policy": Table("Which personal facts of this agent may be read and shown.", POLICY),
        "thresholds": Table("Limits for this agent alone; the words are those of `[thresholds]`.", THRESHOLDS),
    },
    many=True,
    hints={"name": 'Did you mean "label"?', "path": 'Did you mean "home"?', "profile": "It follows from the home."},
)

_ID_HELP = "Its short name, in addresses and commands. Keep it: what is remembered of it hangs on it."
_COMMON = {
    "label": Setting(readers.text, "Its name on the pages.", "the id"),
    "instance": Setting(readers.identity, "The agent it belongs to.", "none: it is shared", example='"north"'),
    "link": Setting(readers.link, "Where a person opens it."),
    "runbook": Setting(readers.link, "Where it is written what to do when it fails."),
}
_SCOPE = Setting(readers.choice("user", "system"), "Which systemd runs it: the user's or the system's.", '"user"')

SERVICES = Table(
    "Something that should answer. It is asked again and again, each time for some seconds at most, by `GET` only.",
    {
        "id": Setting(readers.identity, _ID_HELP, required=True, example='"models"'),
        "kind": Setting(
            readers.choice("http", "tcp", "unit", "model-server"),
            "How it is asked: a page, a port, a systemd unit, or a model server that speaks as Ollama does.",
            required=True,
            example='"http"',
        ),
        **_COMMON,
        "deployed": Setting(
            readers.boolean,
            "Write false for what is not there yet: it is listed, asked nothing, never called well.",
            "true",
        ),
        "url": Setting(readers.link, "Where a page or a model server is asked.", example='"http://127.0.0.1:11434"'),
        "address": Setting(readers.host_and_port, "Host and port of `tcp`.", example='"127.0.0.1:5432"'),
        "unit": Setting(readers.unit, "The unit of `unit`.", example='"caddy.service"'),
        "scope": _SCOPE,
        "expect": Setting(readers.http_status, "The only HTTP status that is right.", "any from 200 to 399"),
        "version": Setting(
            readers.version,
            "Where its release stands: the way to it in a JSON answer, or the name of a head of the answer.",
            example='"/version"',
        ),
        "models": Setting(readers.many(readers.name), "Models that a model server must have.", "none"),
        "load": Setting(
            readers.name,
            "A model to load now and then, to see that it can be. **This makes the server load it**, which takes "
            "memory and may put another model out; all else only looks.",
            "none: nothing is loaded",
        ),
        "load_every_s": Setting(readers.seconds_from(600), "How often that model is loaded; 600 at least.", "3600"),
        "load_within_s": Setting(readers.seconds, "It is slow after this.", "`model_load_s` of the thresholds"),
        "slow_s": Setting(readers.seconds, "An answer is slow after this.", "`service_slow_s` of the thresholds"),
        "every_s": Setting(readers.seconds_from(5), "How often it is asked; 5 at least.", "30"),
        "authorities": Setting(
            readers.path, "A file of certificates to trust instead of the system's, for one signed by yourself."
        ),
    },
    many=True,
    hints={"name": 'Did you mean "label"?', "host": 'Did you mean "address"?', "port": 'Write it into "address".'},
)

REPOSITORIES = Table(
    "A git repository, above all one that is somebody's backup. Git only reads it, under settings of our own: those in "
    "the repository are not obeyed.",
    {
        "id": Setting(readers.identity, _ID_HELP, required=True, example='"north-backup"'),
        "path": Setting(readers.path, "Its folder.", required=True, example='"~/backups/north"'),
        **_COMMON,
        "user": Setting(readers.user, "Its owner, where that is not who runs Quarterdeck.", "who runs Quarterdeck"),
        "remote": Setting(readers.name, "The remote it is pushed to.", '"origin"'),
        "branch": Setting(readers.name, "The branch that must be checked out.", "any"),
        "backup": Setting(
            readers.boolean, "Whether it is a backup. What is none is not expected to be pushed.", "true"
        ),
        "push_within_s": Setting(readers.seconds, "A backup is late after this.", "`backup_late_s` of the thresholds"),
        "push_lost_s": Setting(
            readers.seconds, "A backup counts as lost after this.", "`backup_lost_s` of the thresholds"
        ),
        "timer": Setting(
            readers.unit,
            "The timer that makes the backup: its runs count also when there was nothing to push.",
            example='"hermes-backup.timer"',
        ),
        "scope": _SCOPE,
        "confirm": Setting(
            readers.boolean, "Ask the remote itself, every five minutes, whether it holds what is checked out.", "false"
        ),
        "credential_helper": Setting(
            readers.helper, "The helper git may ask for a login at that remote.", "none", example='"cache"'
        ),
        "every_s": Setting(readers.seconds_from(10), "How often it is looked at; 10 at least.", "60"),
    },
    many=True,
    hints={"name": 'Did you mean "label"?', "home": 'Did you mean "path"?', "folder": 'Did you mean "path"?'},
)

HISTORY = {
    "record": Setting(readers.boolean, "Record what is seen, so that any past moment can be looked at.", "true"),
    "file": Setting(
        readers.path,
        "The file it lies in. Its folder is made when it is not there, for this user alone.",
        "`$XDG_STATE_HOME/quarterdeck/history.db`, as a rule `~/.local/state/quarterdeck/history.db`",
    ),
    "database": Setting(
        readers.database,
        "The PostgreSQL database it lies in instead. A password belongs into `~/.pgpass`, not here.",
        "none: it lies in a file",
        example='"postgresql://quarterdeck@db/quarterdeck"',
    ),
    "exact_days": Setting(
        readers.number(what="a number of days above 0"),
        "For how many days every snapshot is kept. Of older ones, one in ten minutes is, later one in an hour.",
        f"{History().exact_days:g}",
    ),
    "keep_days": Setting(
        readers.number(what="a number of days above 0"),
        "After how many days snapshots, status changes and gaps are forgotten.",
        f"{History().keep_days:g}",
    ),
    "most_mb": Setting(
        readers.whole(16, 1_000_000), "How large the file may become, in MB: then less is kept.", f"{History().most_mb}"
    ),
}

ROOT = Table(
    "At the top of the file, before the first table.",
    {
        "discover": Setting(
            readers.boolean,
            "Look for homes: `$HERMES_HOME` or `~/.hermes` with its profiles, and snapshots in their usual place.",
            "true",
        )
    },
    {
        "server": SERVER,
        "access": ACCESS,
        "units": Table(
            "Further systemd units and timers to watch, by name or pattern. The agents' own are watched in any case.",
            {
                "user": Setting(
                    readers.many(readers.unit_pattern),
                    "Units of this user's systemd.",
                    "none",
                    example='["backup.timer"]',
                ),
                "system": Setting(readers.many(readers.unit_pattern), "Units of the system's systemd.", "none"),
            },
        ),
        "history": Table("What is remembered, where, and for how long.", HISTORY),
        "ledger": LEDGER,
        "exposure": EXPOSURE,
        "thresholds": Table(
            "When something counts as wrong. Times are in seconds, shares between 0 and 1.", THRESHOLDS
        ),
        "instances": INSTANCE,
        "services": SERVICES,
        "repositories": REPOSITORIES,
        "forges": FORGES,
        "exporters": Table(
            "Snapshots that exporters of other users write. A file is known by its folder's name when it is called "
            "`snapshot.json`, else by its own.",
            {
                "files": Setting(
                    readers.many(readers.path),
                    "The files; `*` stands for any name.",
                    required=True,
                    example=f'["{SNAPSHOTS}/*/snapshot.json"]',
                )
            },
            many=True,
        ),
    },
)
