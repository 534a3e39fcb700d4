"""What of a sweep's results is the same wherever it runs."""

from pathlib import Path


def compared_files(folder: Path) -> dict[str, bytes]:
    """Return what must be the same wherever a sweep ran: everything but logs, and what tells seconds and memory."""
    chosen = {}
    for pattern in ("runs/**/*", "evaluation/*", "*.csv", "*.json", "report/tables/*.csv", "report/figures/heat*.svg"):
        for path in folder.glob(pattern):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            measured = "costs" in path.name or path.stem in ("modes", "precision")
            if path.is_file() and not hidden and not measured:
                chosen[str(path.relative_to(folder))] = path.read_bytes()
    return chosen
