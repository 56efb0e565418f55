"""The command `hugathome`.

hugathome demo               one teleconsultation by itself, over a real server on loopback
hugathome demo --serve       a small clinic to try it in, alone or with a phone
hugathome serve clinic:hug   the web application alone, for hosts that are not ASGI
hugathome rooms clinic:hug   which rooms are open, in numbers
hugathome schema             the tables, for whoever runs the database
hugathome templates fr       the texts of the messages, to write your own from
hugathome check-templates    whether your own can be sent, and how long they are
hugathome audit verify hug   whether anybody has touched an audit trail
hugathome data-map           what is kept, how it is protected, until when, and who reads it
hugathome simulate           visits in virtual time, with everything that goes wrong
"""

import asyncio
import importlib
import sys
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hugathome.errors import ConfigurationError, HugathomeError, MissingExtra
from hugathome.roles import Language
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.templates import Severity
from hugathome.wording.wordings import WORDINGS

try:
    import typer
except ImportError:
    raise MissingExtra("cli") from None

from hugathome._auditor import audit
from hugathome._simulator import simulate

if TYPE_CHECKING:
    from hugathome.app import HugAtHome


class Form(StrEnum):
    """How a table is printed."""

    MARKDOWN = "markdown"
    JSON = "json"


app = typer.Typer(
    name="hugathome",
    help="Teleconsultations from a hospital's own software.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks would show locals
)

app.add_typer(audit, name="audit")
app.command()(simulate)


@app.command()
def demo(
    serve: Annotated[bool, typer.Option("--serve", help="Open a small clinic for you to try.")] = False,
    lan: Annotated[bool, typer.Option("--lan", help="With --serve: let a phone in, over HTTPS.")] = False,
    address: Annotated[
        str | None, typer.Option(help="With --lan: the IP address to be reached at; this machine's own.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port; 0 takes a free one, 8000 is --serve's.", min=0, max=65535),
    ] = None,
) -> None:
    """Run one teleconsultation by itself: SMS, code, waiting room, live sound and picture, outcome."""
    if (lan and not serve) or (address is not None and not lan):
        raise ConfigurationError("--lan goes with --serve, and --address with --lan")
    if not serve:
        from hugathome.demo import alone

        raise typer.Exit(asyncio.run(alone.run(typer.echo, port=port or 0)))
    from hugathome.demo import people

    asyncio.run(people.run(typer.echo, port=8000 if port is None else port, lan=lan, address=address))


@app.command()
def serve(
    where: Annotated[str, typer.Argument(help="Where the HugAtHome object is: module:attribute.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    drain: Annotated[
        float, typer.Option(help="Seconds for the devices to leave for other workers at the end.", min=0)
    ] = 0,
) -> None:
    """Serve the web application of a HugAtHome object, and run what is due."""
    from hugathome.web.serving import serve_alone

    asyncio.run(serve_alone(_found(where), host=host, port=port, drain=timedelta(seconds=drain)))


@app.command()
def rooms(
    where: Annotated[str, typer.Argument(help="Where the HugAtHome object is: module:attribute.")],
    organisation: Annotated[str, typer.Argument(help="The organisation whose rooms they are.")],
) -> None:
    """Print which rooms are open: for how many minutes, and how many wait, are inside, are connected."""
    hug = _found(where)

    async def asked() -> None:
        async with hug:
            for line in lines(await hug.rooms(organisation=organisation), now=hug.clock.now()):
                typer.echo(line)

    from hugathome.rooms.census import lines

    asyncio.run(asked())


@app.command()
def schema(
    dialect: Annotated[str, typer.Option(help="sqlite or postgresql.")] = "postgresql",
) -> None:
    """Print the tables as SQL: in a server database, the hospital's own people create them."""
    from hugathome.stores import schema as printed

    typer.echo(printed(dialect))


@app.command()
def data_map(
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.MARKDOWN,
) -> None:
    """Print every field that is kept: how private it is, how it rests, until when, and who reads it."""
    from hugathome.data_map import as_json, as_markdown
    from hugathome.data_map import data_map as kept

    typer.echo(as_json(kept()) if form is Form.JSON else as_markdown(kept()), nl=False)


@app.command()
def templates(
    language: Annotated[Language, typer.Argument(help="The language to print.")],
) -> None:
    """Print the library's texts as a gettext catalogue: what you change in it becomes a text of your own."""
    from hugathome.catalogues import printed

    typer.echo(printed(language), nl=False)


@app.command()
def check_templates(
    folder: Annotated[
        Path | None, typer.Argument(help="Where fr.po, de.po, … are; left out, the library's own texts.")
    ] = None,
    brand: Annotated[str, typer.Option(help="Your longest brand.")] = "HUG@home",
    site: Annotated[str, typer.Option(help="Your longest site.")] = "https://www.hospital.example.ch/visit",
    help_phone: Annotated[str, typer.Option(help="Your longest help line.")] = "+41 22 372 33 11",
) -> None:
    """Check texts of your own before a patient reads them; exit with 1 if any would be refused."""
    from hugathome.catalogues import place_of, read_catalogues, texts_of, unconfirmed
    from hugathome.wording.proofreading import proofread, sizes, table

    letterhead = Letterhead(brand=brand, site=site, help_phone=help_phone)
    catalogues = read_catalogues(folder) if folder else ()
    own = texts_of(catalogues) if folder else WORDINGS
    found = [*unconfirmed(catalogues), *proofread(own, letterhead=letterhead)]
    for finding in found:
        typer.echo(f"{place_of(finding, catalogues)}{finding.severity}: {finding}")
    for line in table(sizes(own, letterhead=letterhead)):
        typer.echo(line)
    raise typer.Exit(any(finding.severity is Severity.ERROR for finding in found))


def _found(where: str) -> "HugAtHome":
    """Import `module:attribute`, also from the present folder."""
    from hugathome.app import HugAtHome

    module, _, attribute = where.partition(":")
    if not module or module.startswith("."):
        raise ConfigurationError("say what to serve as module:attribute")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute or "hug", None)
    except ModuleNotFoundError as missing:
        if not f"{module}.".startswith(f"{missing.name}."):
            raise  # what the host's own module lacks is the host's to see
        raise ConfigurationError(f"there is no module {module}") from None
    if not isinstance(found, HugAtHome):
        raise ConfigurationError(f"{where} is no hugathome.HugAtHome")
    return found


def main() -> None:
    """Run the command; an error of ours is one line on standard error."""
    try:
        app()
    except HugathomeError as error:
        typer.echo(f"hugathome: {error}", err=True)
        raise SystemExit(2) from None
