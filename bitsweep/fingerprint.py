"""What a script computes, as a digest: it changes with the code, not with comments, formatting or time stamps.

Snakemake follows neither the imports of a script nor tells a comment from code; a rule that carries this digest among
its params reruns when, and only when, its script or a local module behind it computes something else.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def spell(part: object) -> str:
    """What a syntax tree computes, in words of every Python's: `ast.unparse` and `ast.dump` change with its version."""
    if isinstance(part, list):
        return f"[{', '.join([spell(each) for each in part])}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    told = []
    for name, value in ast.iter_fields(part):
        if name == "body" and isinstance(value, list):
            # Strings that stand alone document what is beside them; they compute nothing.
            value = [each for each in value if not is_string(each)] or [ast.Pass()]
        elif name == "values" and isinstance(part, ast.JoinedStr):
            # Some versions put empty strings between the values of an f-string.
            value = [each for each in value if not (isinstance(each, ast.Constant) and each.value == "")]
        # Newer versions have fields more, which are empty where code of older ones is read.
        if value is not None and value != []:
            told.append(f"{name}={spell(value)}")
    return f"{type(part).__name__}({', '.join(told)})"


def local_modules(tree: ast.AST) -> set[str]:
    """Names of the modules of `bitsweep` that a syntax tree imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "bitsweep"}


def module_path(name: str) -> Path | None:
    # bitsweep/__init__.py holds the version number alone.
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


@cache
def normalized(text: str, path: Path) -> tuple[str, set[str]]:
    """What the code in `text` computes, and the local modules that it imports."""
    tree = ast.parse(text, str(path))
    return spell(tree), local_modules(tree)


def tracked_files(script: str) -> dict[Path, str]:
    """`scripts/<script>.py` and all local modules behind it, each with what it computes as normalized code."""
    found: dict[Path, str] = {}
    queue = [ROOT / "scripts" / f"{script}.py"]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found[path], modules = normalized(path.read_text(encoding="utf-8"), path)
        queue += [module for name in modules if (module := module_path(name))]
    return found


def fingerprint(script: str, *data: str) -> str:
    """SHA-256 of the `tracked_files` of a script, and of the bytes of `data` files."""
    digest = hashlib.sha256()
    for path, code in sorted(tracked_files(script).items()):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n{code}\n".encode())
    for name in data:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def scripts() -> list[str]:
    """The names of all scripts."""
    return sorted(path.stem for path in (ROOT / "scripts").glob("[a-z]*.py"))
