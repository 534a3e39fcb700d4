"""Digests of what scripts compute, which change with the code, but not with comments, layout or names of modules.

Snakemake does not follow the imports of a script, and takes a comment for code. A rule that carries this digest among
its params reruns when, and only when, its script or a local module behind it computes something else. An import of a
local module counts as the digest of that module: so modules can be moved and renamed, and every edit behind an import
is seen. docs/decisions/fingerprint.md gives the reasons.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bitsweep.places import ROOT

# The packages whose code is tracked.
LOCAL = ("bitsweep", "scripts")
# Functions that only print. A statement that calls one computes nothing, and their arguments never count.
PRINTING = ("print", "log")
# Keyword arguments that are texts for people: those of argparse, and of locks.
TEXTS = ("help", "description", "message")


class UntrackableImport(ImportError):
    """A local import that the fingerprint could not follow, so that edits behind it would rerun nothing."""


@dataclass(frozen=True)
class Import:
    """One name that a statement imports.

    `module` is the dotted name that the statement gives, `name` what it takes from there (None of a plain `import`),
    and `bound` what the importing module calls it; `line` is for error messages.
    """

    module: str
    name: str | None
    bound: str
    line: int


@dataclass(frozen=True)
class Spelled:
    """A module as text: pieces of `code`, and between each two of them one group of `imports`, those of a block."""

    code: tuple[str, ...]
    imports: tuple[tuple[Import, ...], ...]


class Speller:
    """Spell a syntax tree in words that are the same in every Python: those of `ast.unparse` and `ast.dump` change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.imports: list[tuple[Import, ...]] = []

    def spell(self, part: object) -> str:
        if isinstance(part, list):
            return f"[{', '.join([self.spell(each) for each in part])}]"
        if not isinstance(part, ast.AST):
            return repr(part)
        fields = []
        for name, value in ast.iter_fields(part):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                value = self.spell_block(value)
            elif name == "exc" and isinstance(part, ast.Raise) and isinstance(value, ast.Call):
                # The message of an error is for people.
                value = value.func
            elif (name == "msg" and isinstance(part, ast.Assert)) or (name == "args" and is_printing(part)):
                value = None
            elif name == "keywords" and isinstance(value, list):
                value = [] if is_printing(part) else [each for each in value if each.arg not in TEXTS]
            elif name == "values" and isinstance(part, ast.JoinedStr):
                # Some versions of Python put empty strings between the values of an f-string.
                value = [each for each in value if not (isinstance(each, ast.Constant) and each.value == "")]
            # Newer versions have more fields, which are empty in code that older ones can read.
            if value is not None and value != []:
                fields.append(f"{name}={value if isinstance(value, Block) else self.spell(value)}")
        return f"{type(part).__name__}({', '.join(fields)})"

    def spell_block(self, statements: list[ast.stmt]) -> "Block":
        """Spell a block without statements that compute nothing; a mark at its start stands for its imports."""
        imported, rest = [], []
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imported += self.names_of(statement)
            elif not computes_nothing(statement):
                rest.append(self.spell(statement))
        mark = ""
        if imported:
            mark = f"\0{len(self.imports)}\0"
            self.imports.append(tuple(imported))
        return Block(f"[{mark}{', '.join(rest)}]")

    def names_of(self, statement: ast.Import | ast.ImportFrom) -> Iterator[Import]:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield Import(alias.name, None, alias.asname or "", statement.lineno)
            return
        if statement.level:
            raise UntrackableImport(
                f"{self.path}, line {statement.lineno}: write the relative import in full, from bitsweep on."
            )
        for alias in statement.names:
            yield Import(statement.module, alias.name, alias.asname or alias.name, statement.lineno)


class Block(str):
    """A block of statements that is spelled already."""


def is_printing(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PRINTING


def computes_nothing(statement: ast.stmt) -> bool:
    """Return whether a statement is `pass`, a string that stands alone, which is documentation, or only prints."""
    if not isinstance(statement, ast.Expr):
        return isinstance(statement, ast.Pass)
    value = statement.value
    return is_printing(value) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


@cache
def spell_module(text: str, path: Path) -> Spelled:
    """Spell the code in `text`, which is that of the file `path`. Raises UntrackableImport for relative imports."""
    speller = Speller(path)
    pieces = str(speller.spell_block(ast.parse(text, str(path)).body)).split("\0")
    # Between each two pieces of code stands the number of a group of imports.
    order = [int(number) for number in pieces[1::2]]
    return Spelled(tuple(pieces[::2]), tuple(speller.imports[number] for number in order))


class Tree:
    """The local code below a folder, whose modules are named as Python names them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # The digests by the names of modules; None while a digest is being computed.
        self.digests: dict[str, str | None] = {}
        self.files: dict[str, Path] = {}

    def file_of(self, module: str) -> Path | None:
        """Return the file of a module, of a package its `__init__.py`; None where there is none."""
        place = self.root.joinpath(*module.split("."))
        found = [path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()]
        return found[0] if found else None

    def is_package(self, module: str) -> bool:
        return (self.root.joinpath(*module.split(".")) / "__init__.py").is_file()

    def digest(self, module: str) -> str:
        """Return the digest of a module and all local ones behind it. Raises UntrackableImport."""
        if module in self.digests:
            if self.digests[module] is None:
                raise UntrackableImport(f"{module} imports itself through other modules: break the circle.")
            return self.digests[module]
        self.digests[module] = None
        path = self.file_of(module)
        if path is None:
            raise UntrackableImport(f"there is no module {module} in {self.root}.")
        self.files[module] = path
        spelled = self.spelled(module)
        code = [spelled.code[0]]
        for group, piece in zip(spelled.imports, spelled.code[1:], strict=True):
            # Sorted by what they are, since formatters sort them by where they are.
            code += [*sorted({line for each in group for line in self.follow(each, module)}), piece]
        self.digests[module] = hashlib.sha256("\n".join(code).encode()).hexdigest()
        return self.digests[module]

    def spelled(self, module: str) -> Spelled:
        path = self.file_of(module)
        return spell_module(path.read_text(encoding="utf-8"), path)

    def follow(self, imported: Import, importer: str) -> Iterator[str]:
        """Yield lines that stand for an import: digests of local modules, and of packages whose `__init__` has code."""
        module, name = imported.module, imported.name
        if module.split(".")[0] not in LOCAL:
            yield f"import {module} {name} as {imported.bound}"
            return
        if name is not None and self.is_package(module):
            inner = f"{module}.{name}"
            if self.file_of(inner) is not None:
                module, name = inner, None
            elif name not in self.bound_names(module):
                self.refuse(imported, importer, f"there is no module {inner}")
        if self.file_of(module) is None:
            self.refuse(imported, importer, f"there is no module {module}")
        if name is None and self.is_package(module):
            self.refuse(imported, importer, f"{module} is a package: import the module in it")
        for package in packages_around(module):
            # The packages around the importer itself ran before it did.
            if package not in packages_around(importer) and package != importer and package != module:
                if not self.is_package(package):
                    self.refuse(imported, importer, f"{package} has no __init__.py")
                if self.spelled(package).code != ("[]",):
                    yield f"import {self.digest(package)}"
        yield f"import {self.digest(module)} {name} as {imported.bound}"

    def bound_names(self, package: str) -> set[str]:
        """Return the names that a package's `__init__` binds at its top level."""
        body = ast.parse(self.file_of(package).read_text(encoding="utf-8")).body
        names = set()
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in statement.names}
            elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
                names.add(statement.name)
            else:
                names |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        return names

    def refuse(self, imported: Import, importer: str, why: str) -> None:
        place = self.file_of(importer).relative_to(self.root)
        raise UntrackableImport(
            f"{place}, line {imported.line}: the import of {imported.module} cannot be followed: {why}."
        )


def packages_around(module: str) -> list[str]:
    """Return the packages that a module lies in, the outermost first."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def module_digest(module: str, root: Path = ROOT) -> str:
    """Return the SHA-256 of what a module, such as `bitsweep.metrics`, and all local modules behind it compute."""
    return Tree(root).digest(module)


def fingerprint(script: str, *data: str, root: Path = ROOT) -> str:
    """Return the SHA-256 of what `scripts/<script>.py` computes, and of the bytes of `data` files.

    Raises UntrackableImport where a local import cannot be followed.
    """
    tree = Tree(root)
    digest = hashlib.sha256(tree.digest(f"scripts.{script}").encode())
    # Python runs scripts/__init__.py before the script.
    digest.update(tree.digest("scripts").encode())
    for name in data:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def modules_behind(module: str, root: Path = ROOT) -> set[str]:
    """Return the names of a module and of all local ones behind it."""
    tree = Tree(root)
    tree.digest(module)
    return set(tree.files)


def scripts(folder: str = "", root: Path = ROOT) -> list[str]:
    """Return the names of all scripts in a folder below scripts/, as `fingerprint` takes them.

    Raises RuntimeError where there is none: nothing would be tracked.
    """
    place = root / "scripts" / folder
    names = sorted(path.stem for path in place.glob("[a-z]*.py"))
    if not names:
        raise RuntimeError(f"There are no scripts in {place}: the workflow's root is another folder.")
    return [f"{folder}.{name}".lstrip(".") for name in names]
