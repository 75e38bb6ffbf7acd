"""The commands that people type: what each takes, in words. What they do stands in a module for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from quarterdeck import __version__

Homes = Annotated[
    list[Path] | None,
    typer.Option("--home", metavar="DIR", help="A home to look at, and no others; may be given several times."),
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The settings file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="quarterdeck",
    help=(
        "The truth about your AI agents on one screen, each figure with its source and its age.\n\n"
        "With --debug a command that fails shows where."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def run(argv: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        typer.main.get_command(app)(list(argv), prog_name="quarterdeck")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 2
    return 0


@app.command(context_settings=PASSED_ON, add_help_option=False)
def up(context: typer.Context) -> None:
    """Watch your agents and serve the pages on 127.0.0.1."""
    from quarterdeck.cli.up_command import run as begin

    raise typer.Exit(begin(context.args))


@app.command()
def enter(
    *,
    role: Annotated[
        Literal["viewer", "operator"] | None,
        typer.Option(help="What it makes of whoever uses it. [default: operator; with --bearer viewer]"),
    ] = None,
    bearer: Annotated[bool, typer.Option("--bearer", help="Make a bearer token for a program instead.")] = False,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Whom the bearer token is for.")] = None,
    days: Annotated[
        int | None, typer.Option(metavar="N", help="For how many days the bearer token is good. [default: 90]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="N", help="The port of the address, where it is another.")
    ] = None,
    config: Config = None,
) -> None:
    """Make an address that lets one browser in, once, within ten minutes."""
    from quarterdeck.cli.enter import run as let_in

    raise typer.Exit(let_in(role, port, config, as_bearer=bearer, name=name, days=days))


sessions = typer.Typer(name="sessions", help="Say who is in, and end that.", no_args_is_help=True, add_completion=False)
app.add_typer(sessions)


@sessions.command("list")
def list_sessions(json: Json = False, config: Config = None) -> None:
    """Say who is in, by which session."""
    from quarterdeck.cli.people import show as tell

    raise typer.Exit(tell(config, as_data=json))


@sessions.command()
def revoke(
    *,
    number: Annotated[int | None, typer.Argument(metavar="[ID]", help="The session to end.")] = None,
    all: Annotated[  # noqa: A002 -- the word on the command line
        bool, typer.Option("--all", help="End all sessions, and every one-time address with them.")
    ] = False,
    config: Config = None,
) -> None:
    """End a session. A hub that runs lets nobody in by it two seconds later."""
    from quarterdeck.cli.people import revoke as end

    raise typer.Exit(end(number, config, everything=all))


@app.command(context_settings=PASSED_ON, add_help_option=False)
def show(context: typer.Context) -> None:
    """Look once, without a server, and print a view."""
    from quarterdeck.cli.show_command import run as look

    raise typer.Exit(look(context.args))


@app.command()
def demo(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="The port on 127.0.0.1; 0 takes any that is free.")
    ] = 0,
    dir: Annotated[  # noqa: A002 -- the word on the command line
        Path | None,
        typer.Option(metavar="DIR", help="An empty folder for it. [default: a new one in the cache]"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder where it is at the end.")] = False,
    instances: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many agents.")] = 3,
    sessions: Annotated[int, typer.Option(min=1, metavar="N", help="Sessions of each, about.")] = 420,
    jobs: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Jobs of each. [default: those that belong to it]")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, metavar="N", help="Days of history.")] = 30,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number invents other sessions.")] = 1,
) -> None:
    """Invent a small fleet in different trouble, with a month of history, and serve it under a banner that says so."""
    from quarterdeck.cli.demo import Wanted
    from quarterdeck.cli.demo import demo as play
    from quarterdeck.demo.home import Plan

    raise typer.Exit(play(Wanted(Plan(instances, sessions, jobs, days, seed), port, dir, keep)))


@app.command(context_settings=PASSED_ON, add_help_option=False)
def watch(context: typer.Context) -> None:
    """Show a view in the terminal, live."""
    from quarterdeck.cli.watch import run as begin

    raise typer.Exit(begin(context.args))


@app.command(context_settings=PASSED_ON, add_help_option=False)
def evidence(context: typer.Context) -> None:
    """Write a view into one signed file that anybody can check offline."""
    from quarterdeck.cli.evidence import run as write

    raise typer.Exit(write(context.args))


@app.command(context_settings=PASSED_ON, add_help_option=False)
def verify(context: typer.Context) -> None:
    """Say whether a file of evidence is as it was signed."""
    from quarterdeck.cli.verify import run as check

    raise typer.Exit(check(context.args))


@app.command()
def doctor(home: Homes = None, json: Json = False, config: Config = None) -> None:
    """Say what is found, what cannot be seen, why, and what to do.

    Ends with 0 when everything can be seen, 1 when something cannot.
    """
    from quarterdeck.cli.doctor import doctor as examine

    raise typer.Exit(examine(homes=home or (), config=config, as_data=json))


@app.command(context_settings=PASSED_ON, add_help_option=False)
def export(context: typer.Context) -> None:
    """Write down what may be known of one home, for others to read."""
    from quarterdeck.cli.export import run as write

    raise typer.Exit(write(context.args))


@app.command(context_settings=PASSED_ON, add_help_option=False)
def units(context: typer.Context) -> None:
    """Print systemd units for the exporter and for these pages."""
    from quarterdeck.cli.units import run as write

    raise typer.Exit(write(context.args))


@app.command()
def exposure(json: Json = False, config: Config = None) -> None:
    """Say whether anything that should be private can be reached from beyond this machine and its tailnet.

    Ends with 0 when everything is private, 1 when something is not, 3 when it cannot be told.
    """
    from quarterdeck.cli.exposure import exposure as audit

    raise typer.Exit(audit(config, as_data=json))


@app.command()
def acceptance(
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The project's checkout. [default: the one this folder is in]")
    ] = None,
    json: Json = False,
) -> None:
    """Say which promises are kept, by the word of the last test run.

    Ends with 0 when every row is Have, 1 when one is Need or Blocked, 2 when nothing can be said.
    """
    from quarterdeck.cli.acceptance import acceptance as report

    report(root, json)


@app.command()
def version() -> None:
    """Say which release this is."""
    typer.echo(f"quarterdeck {__version__}")
