"""What is promised of the repository itself: documents that are true, files that belong in it."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from kgrec import config
from kgrec.cli.app import app
from kgrec.evaluation.settings import load_benchmark_settings

ROOT = Path(__file__).parent.parent
PACKAGES = ("graph_store", "loaders", "kgrec")
MODULES = sorted(p for name in PACKAGES for p in (ROOT / name).rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
RESULTS = sorted(ROOT.glob("benchmarks/results/*.md"))
DECISIONS = [p for p in DOCUMENTS if p.parent.name == "decisions" and p.name != "index.md"]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_a_module_says_what_it_is_and_what_is_public(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    declared = next(
        (
            {element.value for element in ast.walk(node.value) if isinstance(element, ast.Constant)}
            for node in tree.body
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
        ),
        None,
    )
    if public and module.parent.name != "cli":  # there, `register` is all that is public
        assert declared is not None, f"no __all__, but {sorted(public)}"
        assert public <= declared, f"public and not in __all__: {sorted(public - declared)}"


def test_tracked_files_name_no_folder_of_a_machine_and_no_index() -> None:
    folders = re.compile(rb"(^|[^A-Za-z0-9_.])/(tmp|work|root|home|Users)/[A-Za-z0-9_]")
    index = re.compile(rb"index-url[ =]+http")
    for path in tracked():
        if path.suffix in {".parquet", ".png"}:
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            assert not folders.search(line), f"{relative(path)}:{number}: {line!r}"
            assert not index.search(line), f"{relative(path)}:{number}: {line!r}"


def test_constraints_name_versions_and_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    pinned = {re.split(r"[=\[ ;]", line)[0] for line in text.splitlines() if "==" in line}
    wanted = [*PROJECT["project"]["dependencies"]]
    for group in PROJECT["dependency-groups"].values():
        wanted += group
    for extra in PROJECT["project"]["optional-dependencies"].values():
        wanted += extra
    for requirement in wanted:
        name = re.split(r"[><=!~\[ ;]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, f"{name} is not in constraints.txt; run `make lock`"


def test_only_the_bundled_sample_is_data() -> None:
    data = {relative(p) for p in tracked() if p.suffix in {".parquet", ".duckdb", ".safetensors"}}
    assert data == {
        "loaders/data/anime/interactions.parquet",
        "loaders/data/anime/items.parquet",
    }


def code_and_prose(path: Path) -> tuple[list[str], str]:
    """Lines of code of a document (fenced, indented, or between backticks), and what is left."""
    code, prose, fenced = [], [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            code.append(line.strip())
        else:
            prose.append(line)
    text = "\n".join(prose)
    code += [" ".join(inline.split()) for inline in re.findall(r"`([^`]+)`", text)]
    return code, text


def anchors_of(document: Path) -> set[str]:
    """The names that GitHub and MyST give to headings."""
    headings = re.findall(r"^#+ (.+)$", code_and_prose(document)[1], flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, *RESULTS], ids=relative)
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    text = code_and_prose(document)[1]
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    targets += re.findall(r"^\[[^\]]+\]: (\S+)$", text, flags=re.MULTILINE)
    for target in targets:
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = document.parent / name if name else document
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors_of(file), target


def test_documents_that_sources_name_exist() -> None:
    for path in tracked():
        if path.suffix in {".py", ".yaml", ".toml", ".md"} and path.name != "CHANGELOG.md":
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"(?<![\w/.-])(?:docs|benchmarks)/[\w/-]+\.md\b", text):
                assert (ROOT / name).is_file(), f"{relative(path)} names {name}"


def test_there_are_decisions() -> None:
    assert len(DECISIONS) > 30


@pytest.mark.parametrize("page", DECISIONS, ids=relative)
def test_a_decision_is_short_and_says_context_decision_alternatives_status(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.split()) <= 200
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert headings == ["Context", "Decision", "Alternatives", "Status"]
    assert re.search(r"\d{4}-\d{2}-\d{2}", text.partition("## Status")[2]), "no date"


def test_the_readme_fits_into_a_hundred_columns() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 100] == []


def commands_in(path: Path) -> list[str]:
    """The ``kgrec`` commands that a document or the head of a config shows, without remarks."""
    if path.suffix == ".md":
        lines = code_and_prose(path)[0]
    else:
        lines = [line.lstrip("# ") for line in path.read_text(encoding="utf-8").splitlines()]
    joined = "\n".join(line.lstrip("$ ") for line in lines).replace("\\\n", " ").splitlines()
    return [line.split(" #")[0] for line in joined if re.match(r"kgrec +[a-z]", line)]


@pytest.mark.parametrize("path", [*DOCUMENTS, *CONFIGS], ids=relative)
def test_commands_shown_in_documents_and_configs_exist(path: Path) -> None:
    for shown in commands_in(path):
        words = [word for word in shlex.split(shown)[1:] if word not in {"|", "(", ")"}]
        command = typer.main.get_command(app)
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, f"{shown!r}: no command {words[0]!r}"
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        known.add("--help")
        for word in words:
            option = word.strip("[]()").partition("=")[0]
            if re.fullmatch(r"--?[a-z][a-z-]*", option):
                assert option in known, f"{shown!r}: no option {option}"


@pytest.mark.parametrize("path", CONFIGS, ids=relative)
def test_a_config_says_what_it_is_and_holds_only_settings_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# "), "no head comment"
    if "protocols" in config.read(path.stem):
        load_benchmark_settings(path.stem)
    else:
        config.load_settings(path.stem)


def test_there_are_configs() -> None:
    assert len(CONFIGS) >= 2
    assert {"default", "demo"} <= {p.stem for p in CONFIGS}


def test_extras_that_errors_name_are_declared() -> None:
    declared = set(PROJECT["project"]["optional-dependencies"])
    named = {
        extra
        for module in MODULES
        for extra in re.findall(
            r'MissingExtraError\([^)]*extra="([a-z]+)"', module.read_text(encoding="utf-8")
        )
    }
    assert named <= declared


def test_make_targets_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    for document in [*DOCUMENTS, ROOT / ".ci/run"]:
        for line in code_and_prose(document)[0]:
            if shown := re.match(r"make ([a-z -]+)", line):
                assert set(shown[1].split()) <= targets, f"{relative(document)}: {line}"
