"""Files that appear whole or not at all, and their digests."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The file of a model folder's weights, as transformers names it.
MODEL_WEIGHTS = "model.safetensors"
# The folder that holds the checksums of the files beside it.
SUMS = ".sums"


@contextmanager
def whole_file(path: str | Path, lasting: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, and rename it to `path` once the block ends without an error.

    The temporary path has the suffix of `path`, since many writers choose their format by it. A `lasting` file reaches
    the disk before it gets its name, and its checksum is noted, so that later damage is seen
    (`bitsweep/workflow/audit.py`).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        # mkstemp makes private files, while results are shared like any other file.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        if lasting:
            with part.open("rb") as written:
                os.fsync(written.fileno())
            # This comes before the rename: if the process is killed in between, the old file does not fit the new
            # checksum and counts as damaged, while a new file without any checksum would count as whole.
            note_sum(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sum_path(path: Path) -> Path:
    """Return the path of the file in which the checksum of `path` is noted."""
    return path.parent / SUMS / path.name


def note_sum(path: Path, content: Path) -> None:
    """Write down the size and the SHA-256 of `content`, which is about to become `path`."""
    with whole_file(sum_path(path), lasting=False) as part:
        part.write_text(f"{content.stat().st_size} {sha256_file(content)}\n")


def noted_sum(path: Path) -> tuple[int, str] | None:
    """Return the size and the SHA-256 that are noted for a file; None where none are."""
    try:
        size, digest = sum_path(path).read_text().split()
        return int(size), digest
    except (OSError, ValueError):
        return None


def is_intact(path: Path) -> bool:
    """Return whether a file is there, has a checksum, and is what was written."""
    return path.is_file() and noted_sum(path) == (path.stat().st_size, sha256_file(path))


def write_text(path: str | Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON. Raises ValueError for NaN and infinities, which JSON does not have."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def canonical_json(value: Any) -> str:
    """Return the same text for equal values, whatever the order of their keys: Snakemake compares params as texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def short_key(value: Any) -> str:
    """Return a short name for all that `value` holds: 16 hexadecimal digits of the SHA-256 of its canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def sha256_file(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
