"""What holds for every command: how it ends, where it writes, what it imports."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import typer

import graph_store.errors
import kgrec.errors
import loaders.errors
from kgrec.cli import failures
from kgrec.cli.app import COMMANDS, app, main
from kgrec.cli.failures import interrupts
from kgrec.cli.setting_rows import rows_of_model
from kgrec.config import Settings
from kgrec.recommenders import registry
from tests.cli.command import kgrec as run_kgrec

HEAVY = ("torch", "transformers", "polars", "duckdb", "neo4j", "networkx", "scipy", "sklearn")


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Said]


@pytest.fixture
def kgrec_command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*args: str) -> Said:
        capsys.readouterr()
        code = run_kgrec(*args)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def test_the_command_line_imports_nothing_heavy() -> None:
    """Nor do the errors that a caller of the library catches."""
    names = "dir(kgrec), kgrec.KgrecError, kgrec.BadSourceError, kgrec.StoreLockedError"
    code = f"import sys, kgrec.cli; {names}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_the_commands_and_goes_to_stdout() -> None:
    command = [sys.executable, "-m", "kgrec", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    for name in ("ingest", "status", "snapshot", "export", "forget", "config"):
        assert name in done.stdout


def test_every_group_of_commands_has_a_help(kgrec_command: Command) -> None:
    group = typer.main.get_command(app)
    for name in sorted(group.commands):  # type: ignore[attr-defined]
        done = kgrec_command(name, "--help")
        assert (done.returncode, done.stderr) == (0, ""), name


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("kgrec rec", ["recommend"]), ("kgrec config ", ["list", "show", "explain"]),
     ("kgrec train --snap", ["--snapshot"])],
)  # fmt: skip
def test_a_shell_completes_commands_and_options(
    typed: str, completed: list[str], kgrec_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the script that `kgrec --install-completion` writes for bash asks for it."""
    monkeypatch.setenv("_KGREC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    done = kgrec_command()
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, completed, "")


def test_the_version_is_that_of_the_package(kgrec_command: Command) -> None:
    assert kgrec_command("--version").stdout == f"kgrec {kgrec.__version__}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["config", "show"], "Missing argument"),
        (["config", "list", "--colour"], "--colour"),
        (["config", "show", "tinny"], "--config: no file and no shipped config is named 'tinny'"),
        (["config", "show", "default", "--set", "model.dims=3"], "did you mean model.dim?"),
        (["config", "show", "default", "--set", "model.dim"], "--set: must look like a.b=value"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    args: list[str], said: str, kgrec_command: Command
) -> None:
    done = kgrec_command(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_thing_is_exit_code_3(kgrec_command: Command) -> None:
    done = kgrec_command("config", "explain", "nothing")
    assert done.returncode == 3
    assert done.stderr == (
        "error: no setting begins with 'nothing', and no recommender is called so; "
        "see `kgrec config explain`\n"
    )


def own_errors() -> Iterator[type[Exception]]:
    for module in (graph_store.errors, kgrec.errors, loaders.errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


@pytest.mark.parametrize("kind", list(own_errors()), ids=lambda kind: kind.__name__)
def test_every_error_raised_on_purpose_is_expected(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence is said as it is, without the class's name and without a traceback."""
    error = kind.__new__(kind)
    error.args = ("x was wrong; do y",)
    assert failures.tell(error) in {1, 2, 3}
    assert capsys.readouterr().err == "error: x was wrong; do y\n"


def test_a_fault_of_kgrec_itself_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.tell(ZeroDivisionError()) is None
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr("kgrec.config.names", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["config", "list"])
    assert ended.value.code == 130


def test_config_list_names_the_shipped_configs(kgrec_command: Command) -> None:
    assert "default" in json.loads(kgrec_command("config", "list", "--json").stdout)


def test_config_show_writes_every_setting_with_overrides(kgrec_command: Command) -> None:
    done = kgrec_command("config", "show", "default", "--json", "--set", "model.dim=16")
    settings = json.loads(done.stdout)
    assert settings["model"]["dim"] == 16
    assert set(settings) == set(Settings.model_fields)


def test_config_show_knows_a_benchmark_by_its_protocols(kgrec_command: Command) -> None:
    settings = json.loads(kgrec_command("config", "show", "cold-start", "--json").stdout)
    assert settings["protocols"] == ["strict-cold"]


def test_config_explain_says_default_type_and_meaning(kgrec_command: Command) -> None:
    rows = json.loads(kgrec_command("config", "explain", "--json").stdout)
    by_name = {row["setting"]: row for row in rows}
    assert by_name["text.tuning"]["type"] == "frozen | lora | full"
    assert by_name["train.learning_rate"]["default"] == f"{Settings().train.learning_rate:g}"
    assert all(row["meaning"] for row in rows)


def test_config_explain_says_once_what_all_components_have(kgrec_command: Command) -> None:
    rows = json.loads(kgrec_command("config", "explain", "--json").stdout)
    names = [row["setting"] for row in rows]
    assert [name for name in names if name.endswith(".halved_at")] == ["components.NAME.halved_at"]
    assert "components.emcdr.rank" in names
    shown = kgrec_command("config", "explain", "components.emcdr-narrow.halved").stdout
    first, *meaning = shown.splitlines()
    assert first == "components.emcdr-narrow.halved_at  (number > 0 | null; default: 300)"
    assert " ".join(line.strip() for line in meaning).startswith("Number of overlapping users")
    assert max(len(line) for line in meaning) <= 96


def test_config_explain_lists_the_settings_of_a_recommender(kgrec_command: Command) -> None:
    for name, among in (("popularity", "all"), ("popularity-overlap", "overlap")):
        rows = json.loads(kgrec_command("config", "explain", name, "--json").stdout)
        assert [row["setting"] for row in rows] == [f"{name}.among", f"{name}.scale"]
        assert rows[0]["default"] == among
        assert all(row["meaning"] for row in rows)
    shown = kgrec_command("config", "explain", "emcdr.own").stdout
    assert shown.startswith("emcdr.own_history  (boolean; default: ")
    done = kgrec_command("config", "explain", "emcdr.nothing")
    assert "no setting of the recommender emcdr begins with 'nothing'" in done.stderr
    assert done.returncode == 3
    assert "has no settings of its own" in kgrec_command("config", "explain", "history").stderr


def test_no_recommender_is_hidden_by_settings_whose_names_begin_alike() -> None:
    settings = [row["setting"] for row in rows_of_model(Settings)]
    for name in registry.names():
        assert not any(setting.startswith(name) for setting in settings)


def test_the_help_of_ingest_names_every_format() -> None:
    command = typer.main.get_command(app).commands["ingest"]  # type: ignore[attr-defined]
    (option,) = [one for one in command.params if "--format" in one.opts]
    assert option.metavar == " | ".join(loaders.FORMATS)


def test_bounds_of_settings_are_written_as_a_range() -> None:
    types = {row["setting"]: row["type"] for row in rows_of_model(Settings)}
    assert types["cold_items.discount"] == "number from 0 to 1"
    assert types["positive_weight"] == "number > 0 and <= 1"


def test_modules_of_commands_are_known_by_name() -> None:
    assert len(set(COMMANDS)) == len(COMMANDS)


def test_ctrl_c_that_duckdb_received_first_is_ctrl_c_all_the_same() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="something else"), interrupts():
        raise RuntimeError("something else")
