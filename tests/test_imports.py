"""Who may import whom: the library's packages stand on each other in one order, which keeps changes where they are."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.workspace import ROOT

# What the modules of each package may import besides each other. "bitsweep" are the modules that lie in no package.
FOUNDATIONS = {"bitsweep"}
MODEL = FOUNDATIONS | {"jobs", "data", "model"}
MAY_IMPORT = {
    "bitsweep": set(),
    "jobs": FOUNDATIONS,
    "data": FOUNDATIONS | {"jobs"},
    "model": FOUNDATIONS | {"jobs", "data"},
    "training": MODEL,
    "config": MODEL,
    "selection": MODEL | {"training"},
    "workflow": MODEL | {"training", "config"},
    "report": MODEL | {"training", "selection"},
    "pretraining": MODEL | {"training", "config", "selection", "workflow"},
    "export": MODEL | {"training", "selection", "report"},
}


def package_of(module: str) -> str:
    """Return the package below bitsweep that a module lies in, such as `model` of bitsweep.model.fast.dropout."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else "bitsweep"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Return the dotted names of all local modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in ("bitsweep", "scripts"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("bitsweep", "scripts"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(root: Path, table: dict[str, set[str]]) -> list[str]:
    """Each import that the table does not allow, and each package that it lacks."""
    found = []
    for path in sorted((root / "bitsweep").glob("**/*.py")):
        own = package_of(".".join(path.relative_to(root).with_suffix("").parts))
        if own not in table:
            found.append(f"{own} is not in the table")
            continue
        for name in imports_of(path):
            # `from bitsweep.x import y`, of a module x or of a package x.
            is_package = (root / "/".join(name.split(".")[:2])).is_dir()
            other = name.split(".")[1] if is_package else "bitsweep"
            if name.startswith("scripts") or other not in table[own] | {own}:
                found.append(f"{path.relative_to(root)} imports {name}")
    return found


def test_packages_import_only_what_stands_below_them():
    assert forbidden(ROOT, MAY_IMPORT) == []


def test_no_two_packages_import_each_other():
    assert not [(one, other) for one in MAY_IMPORT for other in MAY_IMPORT[one] if one in MAY_IMPORT[other]]


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("bitsweep/new/thing.py", "", "new is not in the table"),
        (
            "bitsweep/data/bad.py",
            "from bitsweep.model.modes import KINDS\n",
            "bitsweep/data/bad.py imports bitsweep.mo",
        ),
        (
            "bitsweep/bad.py",
            "def f():\n    import bitsweep.jobs.entry\n",
            "bitsweep/bad.py imports bitsweep.jobs.entry",
        ),
        ("bitsweep/report/bad.py", "from bitsweep.config import load\n", "imports bitsweep.config.load"),
        ("bitsweep/export/bad.py", "from scripts.train_run import main\n", "imports scripts.train_run.main"),
    ],
)
def test_what_is_not_allowed_is_found(tmp_path, file, text, sentence):
    for package in MAY_IMPORT:
        (tmp_path / "bitsweep" / package).mkdir(parents=True)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    (found,) = forbidden(tmp_path, MAY_IMPORT)
    assert sentence in found


def test_every_package_says_what_it_is_for_and_nothing_else():
    """What an `__init__` computes would be hidden behind each import of its package."""
    # That of scripts, which runs before each of them, is part of every fingerprint.
    for path in [*(ROOT / "bitsweep").glob("**/__init__.py"), *(ROOT / "scripts").glob("*/__init__.py")]:
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert len(tree.body) == 1, path
    folders = {path.parent for path in (ROOT / "bitsweep").glob("**/*.py")}
    assert all((folder / "__init__.py").is_file() for folder in folders)
