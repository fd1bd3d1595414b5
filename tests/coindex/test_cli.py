"""The `coindex` command itself."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from coindex import cli
from coindex.cli import OWN, Command, main
from coindex.errors import SyncError
from coindex.sync import SyncReport


@pytest.fixture
def call(capsys):
    """Runs a command line: exit code, stdout, stderr."""

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out = capsys.readouterr()
        return ended.value.code or 0, out.out, out.err

    return call


@pytest.fixture
def others(monkeypatch):
    """Replaces the installed commands of other packages."""

    def others(**targets):
        entries = [EntryPoint(name, target, cli.GROUP) for name, target in targets.items()]
        monkeypatch.setattr(cli, "entry_points", lambda group: entries)

    return others


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


HEAVY = ["hnswlib", "cv2", "ai_edge_litert", "torch", "tensorflow", "flask", "sqlalchemy", "requests", "numpy", "PIL"]


@pytest.mark.parametrize("arguments", [None, ["--help"], ["sync", "--help"]])
def test_the_command_loads_nothing_heavy_before_it_has_to(arguments):
    run = f"cli.main({arguments})" if arguments else "pass"
    code = f"""
import sys
from coindex import cli
try:
    {run}
except SystemExit:
    pass
print("loaded:", sorted(set({HEAVY}) & set(sys.modules)))
"""
    assert python(code).stdout.splitlines()[-1] == "loaded: []"


def test_help_lists_own_commands_and_those_of_other_packages(call, others):
    others(polish="somewhere:else")
    code, out, _ = call("--help")
    assert code == 0
    for name in (*OWN, "polish"):
        assert name in out


def test_the_packages_of_this_project_register_their_commands():
    entries = {entry.name: entry.value for entry in cli.entry_points(group=cli.GROUP)}
    assert entries["catalog"] == "catalog_server.cli.catalog_commands:catalog"
    assert set(entries) >= {"catalog", "serve", "train", "export"}


def test_an_error_is_one_line_on_stderr_without_a_traceback(call, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise SyncError("the cable is cut; mend it")

    monkeypatch.setattr("coindex.sync.sync", fail)
    assert call("sync", "http://x", "--home", str(tmp_path)) == (1, "", "error: the cable is cut; mend it\n")


def test_ctrl_c_says_that_nothing_changed_and_exits_130(call, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("coindex.sync.sync", interrupt)
    assert call("sync", "http://x", "--home", str(tmp_path)) == (130, "", "interrupted, nothing changed\n")


def test_ctrl_c_while_a_command_loads_is_no_traceback_either(call, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "import_module", interrupt)
    assert call("sync", "http://x") == (130, "", "interrupted, nothing changed\n")


def test_sync_prints_its_report_for_people_or_for_machines(call, monkeypatch, tmp_path):
    report = SyncReport(
        from_version=3, to_version=4, bytes_downloaded=1_500_000, bytes_reused=250_000, up_to_date=False
    )
    asked = []

    def fake(url, home, *, progress, **options):
        asked.append((url, home, options))
        progress(1, 2)
        return report

    monkeypatch.setattr("coindex.sync.sync", fake)
    monkeypatch.setenv("COINDEX_HOME", str(tmp_path))
    _, out, _ = call("sync", "http://x")
    assert "release 4" in out and "1.50 MB" in out and "0.25 MB" in out and "less" not in out
    code, out, err = call("sync", "http://x", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["to_version"] == 4 and json.loads(out)["from_version"] == 3
    assert asked == [("http://x", tmp_path, {"root": None, "max_bytes": None, "keep_models": False, "packs": None})] * 2


def test_a_root_that_is_trusted_on_first_use_is_shown_by_its_fingerprint(call, monkeypatch, tmp_path):
    done = {"from_version": None, "to_version": 1, "bytes_downloaded": 1, "bytes_reused": 0, "up_to_date": False}
    report = SyncReport(**done, root_fingerprint="ab" * 32, root_is_new=True)
    asked = []
    monkeypatch.setattr("coindex.sync.sync", lambda *_, **options: asked.append(options["root"]) or report)
    _, out, err = call("sync", "http://x", "--home", str(tmp_path), "--json")
    assert "ab" * 32 in err and "on first use" in err and "keys show" in err
    assert json.loads(out)["root_fingerprint"] == "ab" * 32 and json.loads(out)["root_is_new"]
    (tmp_path / "root.json").write_bytes(b"a root")
    _, _, err = call("sync", "http://x", "--home", str(tmp_path), "--root", str(tmp_path / "root.json"))
    assert "as given" in err and asked == [None, b"a root"]
    code, _, err = call("sync", "http://x", "--root", str(tmp_path / "nowhere"))
    assert code == 1 and "nowhere" in err and "root.json" in err


@pytest.mark.parametrize("name", ["catalog", "serve"])
def test_a_command_whose_extra_is_missing_says_what_to_install(name):
    ended = python(
        f"import sys; sys.modules['sqlalchemy'] = None\nfrom coindex.cli import main\nmain(['{name}', 'x', '--y', '1'])"
    )
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr.startswith("error: ") and "pip install 'coindex[server]'" in ended.stderr
    assert "sqlalchemy" in ended.stderr and "Traceback" not in ended.stderr


def test_a_module_of_our_own_that_is_missing_is_not_blamed_on_an_extra(call, others):
    others(train="training.nowhere:train")
    code, _, err = call("train")
    assert code == 1 and "training.nowhere" in err and "pip install" not in err


def test_a_light_dependency_that_is_missing_is_named(call, monkeypatch):
    monkeypatch.setitem(OWN, "sync", Command("absent_package:sync", "Fetch."))
    code, _, err = call("sync")
    assert code == 1 and "absent_package" in err


def test_other_packages_may_register_a_function_a_command_or_a_group(call, others, monkeypatch):
    import types

    import typer

    module = types.ModuleType("elsewhere")
    module.function = lambda: typer.echo("a function")
    module.single, module.group = typer.Typer(), typer.Typer()
    module.single.command("anything")(lambda: typer.echo("a command"))
    for name in ("one", "two"):
        module.group.command(name)(lambda name=name: typer.echo(f"of a group: {name}"))
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    others(f="elsewhere:function", s="elsewhere:single", g="elsewhere:group")
    assert call("f")[1] == "a function\n"
    assert call("s")[1] == "a command\n"
    assert call("g", "two")[1] == "of a group: two\n"


def test_an_unknown_command_is_wrong_usage(call):
    code, _, err = call("recognise")
    assert code == 2 and "recognise" in err


def test_the_version_is_printed(call):
    code, out, _ = call("--version")
    assert code == 0 and out.strip().count(".") == 2


def printed(code, encoding):
    """What Python code prints, as bytes, on a stdout of an encoding."""
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=60)
    assert b"Traceback" not in done.stderr, done.stderr
    return done.stdout


NAMES = "Türkiye 中国 \udce9 \U0001fa99"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii", "cp437"])
def test_json_is_valid_in_every_encoding_of_stdout(encoding):
    for names in (NAMES, "Türkiye", "中国", "plain"):
        code = f"from coindex.commands.output import print_json; print_json({{'name': {names!r}}}, indent=2)"
        assert json.loads(printed(code, encoding).decode(encoding))["name"] == names


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
def test_what_stdout_cannot_show_is_spelt_out(encoding):
    code = f"""
import typer
from coindex import cli
from rich.console import Console
from rich.table import Table
from coindex.commands.output import cell

def show():
    table = Table("coin×")
    table.add_row(cell({NAMES!r}))
    Console(width=80).print(table)
    typer.echo({NAMES!r})
    raise cli.CoindexError({NAMES!r} + chr(27))

cli.OWN["sync"] = cli.Command("__main__:show", "Show.")
cli.main(["sync"])
"""
    out = printed(code, encoding)
    assert b"\\udce9" in out
    out.decode("utf-8" if encoding == "ascii" else encoding)  # typer takes ASCII for a terminal that was not set up


def test_a_full_disk_is_an_error_line_and_no_traceback():
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("no /dev/full")
    with device.open("w") as full:
        command = [sys.executable, "-c", "from coindex.cli import main; main(['--version'])"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "error: the output: No space left on device\n")


def test_who_reads_no_further_gets_no_traceback():
    code = "from coindex.cli import main; main(['--help'])"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert done.returncode == 1 and done.stderr == ""


def test_too_little_memory_is_an_error_line(call, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("coindex.sync.sync", fail)
    code, out, err = call("sync", "http://x", "--home", str(tmp_path))
    assert (code, out) == (1, "") and err.startswith("error: there is not enough memory")


def test_an_error_line_cannot_command_a_terminal(call, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise SyncError("a \x1b[31mred\u202e name\nand a second line")

    monkeypatch.setattr("coindex.sync.sync", fail)
    assert (
        call("sync", "http://x", "--home", str(tmp_path))[2] == "error: a \\x1b[31mred\\u202e name\nand a second line\n"
    )
