"""The command: what it answers, and how it says no."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from hugathome import Language, cli
from hugathome.signalling import Room
from hugathome.stores import schema
from hugathome.testing import simulation
from hugathome.web.serving import listening

Run = Callable[..., tuple[int, str, str]]

DEPLOYMENT = """
from hugathome import HugAtHome
from hugathome.sms import OutboxSms
from hugathome.stores import open_store

hug = HugAtHome(
    key=b"a key that is only ever used in tests", store=open_store("memory://"), sms=OutboxSms(),
    site="http://127.0.0.1:8000/visit", timezone="Europe/Zurich", brand="HUG@home",
)
nothing = None
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return what runs the command in an empty folder, and gives its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hugathome", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return command


def deployment(folder: Path, name: str) -> str:
    """Write a host's module of its own name, for modules are imported once."""
    (folder / f"{name}.py").write_text(DEPLOYMENT)
    return name


def test_help_names_every_command(run: Run) -> None:
    code, out, _ = run("--help")

    assert code == 0
    assert [
        word
        for word in ("templates", "check-templates", "hugathome", "demo", "serve", "rooms", "schema")
        if word not in out
    ] == []


def test_without_arguments_it_says_what_there_is(run: Run) -> None:
    code, out, err = run()

    assert code == 2
    assert "demo" in out + err


def test_it_prints_the_tables(run: Run) -> None:
    assert run("schema") == (0, schema("postgresql") + "\n", "")
    assert run("schema", "--dialect", "sqlite") == (0, schema("sqlite") + "\n", "")


@pytest.mark.parametrize("dialect", ["cobol", "oracle", "x y", ""])
def test_it_prints_no_tables_of_what_no_store_speaks(run: Run, dialect: str) -> None:
    assert run("schema", "--dialect", dialect) == (2, "", f"hugathome: no store speaks {dialect!r}\n")


def test_the_librarys_own_texts_pass_its_own_check(run: Run) -> None:
    code, out, err = run("check-templates")

    assert (code, err) == (0, "")
    assert out.split()[:4] == ["septets", "in", "SMS,", "at"]


def test_texts_to_start_from_pass_the_check_as_they_are_printed(run: Run, tmp_path: Path) -> None:
    for language in Language:
        (tmp_path / f"{language}.po").write_text(run("templates", language)[1], encoding="utf-8")

    assert run("check-templates", ".") == run("check-templates")


def test_each_finding_is_one_line_with_its_file_and_an_error_fails_the_check(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "fr.po").write_text('msgid "help"\nmsgstr "Aide bientôt: {phone}"\n', encoding="utf-8")

    code, out, err = run("check-templates", ".")

    assert (code, err) == (1, "")
    assert out.startswith('fr.po:1: error: fr, help: "ô" is not in GSM-7')
    assert 'write "sous peu" for "bientôt"\n' in out


def test_what_is_only_a_warning_fails_no_check(run: Run, tmp_path: Path) -> None:
    (tmp_path / "fr.po").write_text('msgid "help"\nmsgstr "Questions: {phone}"\n')

    code, out, _ = run("check-templates", ".")

    assert code == 0
    assert out.startswith("warning: de, help: no text of your own")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere"], "nowhere holds no texts, such as fr.po"),
        (["--brand", "Hôpital"], 'brand= holds "ô", which SMS in GSM-7 lack: write o'),
    ],
)
def test_what_cannot_be_checked_is_said_so(run: Run, arguments: list[str], why: str) -> None:
    assert run("check-templates", *arguments) == (2, "", f"hugathome: {why}\n")


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("clinic_that_is_not_there:hug", "there is no module clinic_that_is_not_there"),
        ("clinic_that_is_not_there", "there is no module clinic_that_is_not_there"),
        ("hugathome.nowhere:hug", "there is no module hugathome.nowhere"),
        (":hug", "say what to serve as module:attribute"),
        (".clinic:hug", "say what to serve as module:attribute"),
        ("", "say what to serve as module:attribute"),
        ("hugathome:hug", "hugathome:hug is no hugathome.HugAtHome"),
        ("hugathome:HugAtHome", "hugathome:HugAtHome is no hugathome.HugAtHome"),
    ],
)
def test_it_serves_only_what_there_is(run: Run, where: str, why: str) -> None:
    assert run("serve", where) == (2, "", f"hugathome: {why}\n")


def test_it_counts_the_rooms_that_are_open(run: Run, tmp_path: Path) -> None:
    module = deployment(tmp_path, "clinic_that_is_counted")

    code, out, err = run("rooms", f"{module}:hug", "hug")

    assert (code, err) == (0, "")
    assert out.split() == [
        "session",
        "status",
        "modality",
        "minutes",
        "waiting",
        "inside",
        "connected",
        "people",
    ]


def test_it_serves_no_other_attribute(run: Run, tmp_path: Path) -> None:
    module = deployment(tmp_path, "clinic_with_nothing")

    assert run("serve", f"{module}:nothing") == (
        2,
        "",
        f"hugathome: {module}:nothing is no hugathome.HugAtHome\n",
    )


def test_what_a_host_module_lacks_is_shown_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "clinic_that_lacks.py").write_text("import a_module_of_the_host")

    with pytest.raises(ModuleNotFoundError, match="a_module_of_the_host"):
        run("serve", "clinic_that_lacks:hug")


def test_it_says_that_a_port_is_taken(run: Run, tmp_path: Path) -> None:
    module = deployment(tmp_path, "clinic_beside_another")
    with listening() as taken:
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = run("serve", f"{module}:hug", "--port", str(port))

    assert (code, out) == (2, "")
    assert err == f"hugathome: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_is_a_port(run: Run, port: str) -> None:
    code, _, err = run("serve", "clinic:hug", "--port", port)

    assert code == 2
    assert "--port" in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--lan"], "--lan goes with --serve, and --address with --lan"),
        (["--serve", "--address", "127.0.0.2"], "--lan goes with --serve, and --address with --lan"),
        (["--serve", "--lan", "--address", "my-laptop"], "--address takes an IP address of this machine"),
        (
            ["--serve", "--lan", "--address", "127.0.0.1"],
            "no phone reaches 127.0.0.1: give another with --address",
        ),
    ],
)
def test_a_demonstration_that_nobody_could_reach_is_refused(run: Run, arguments: list[str], why: str) -> None:
    assert run("demo", *arguments, "--port", "0") == (2, "", f"hugathome: {why}\n")


def test_the_demonstration_says_that_its_port_is_taken(run: Run) -> None:
    with listening() as taken:
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = run("demo", "--serve", "--port", str(port))

    assert (code, out) == (2, "")
    assert err == f"hugathome: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.fixture
def demonstration() -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        "-c",
        "from hugathome.cli import main; main()",
        "demo",
        "--serve",
        "--port",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demonstration_stays_open_until_it_is_told_to_end(
    demonstration: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert demonstration.stdout is not None
    opened, _, how_to_end = (demonstration.stdout.readline() for _ in range(3))
    address = re.fullmatch(r"The clinic is open at (http://127\.0\.0\.1:\d+/)\n", opened)
    assert how_to_end == "Ctrl-C closes it, and forgets everything.\n"
    assert address is not None
    page = httpx.get(address[1], trust_env=False)
    demonstration.send_signal(number)
    out, err = demonstration.communicate(timeout=10)

    assert page.status_code == 200
    assert (demonstration.returncode, out, err) == (0, "Closed.\n", "")


def test_it_simulates_visits_and_says_how_fast(run: Run) -> None:
    code, out, _ = run("simulate", "--seeds", "2", "--start", "40")

    assert code == 0
    assert re.fullmatch(r"2 runs from seed 40, \d+ a second: none broken\n", out)


def test_it_tells_the_history_of_the_first_run_that_breaks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Room, "is_inside", lambda room, peer: peer in room.peers)

    code, out, _ = run("simulate", "--seeds", "2")

    assert code == 1
    assert out.count("\nseed 1: I") == 1
    assert "greets on a grant" in out.partition("\nseed 1: ")[0]
    assert "greets on a grant" not in out.partition("\nseed 1: ")[2]
    assert out.endswith("2 broken\n")


def test_what_is_interrupted_says_which_seeds_have_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seeds: range, *_: object, **__: object) -> Iterator[simulation.Run]:
        yield simulation.Run(seeds[0], None)
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "runs", interrupted)

    code, _, err = run("simulate", "--seeds", "9", "--start", "40")

    assert code == 130
    assert err == "seeds 40 to 40 have run; go on with --start 41\n"
