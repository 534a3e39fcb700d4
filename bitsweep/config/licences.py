"""The licences of data and encoders, as far as they are known without a network."""

import importlib.metadata
from pathlib import Path

import yaml

from bitsweep.config.settings import FolderEncoder, PackageData, Settings
from bitsweep.places import find_folder


def licences_of(settings: Settings) -> dict[str, str | None]:
    """Return the licences of `data` and `encoder`; None where they are not known without a network."""
    data, encoder = settings.data, settings.encoder
    return {
        "data": licence_of_package(data.package) if isinstance(data, PackageData) else None,
        "encoder": licence_of_folder(find_folder(encoder.path)) if isinstance(encoder, FolderEncoder) else None,
    }


def licence_of_package(package: str) -> str | None:
    """Return the licence that an installed package's metadata names, in its newer or its older field."""
    metadata = importlib.metadata.metadata(package)
    licence = metadata.get("License-Expression") or metadata.get("License")
    # Some packages give the whole text of their licence.
    return licence.splitlines()[0].strip() if licence else None


def licence_of_folder(folder: Path) -> str | None:
    """Return the licence that an encoder's model card names in its front matter."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    parts = card.read_text(encoding="utf-8", errors="replace").split("---")
    try:
        front = yaml.safe_load(parts[1]) if len(parts) > 2 and not parts[0].strip() else None
    except yaml.YAMLError:
        return None
    licence = front.get("license") if isinstance(front, dict) else None
    return licence if isinstance(licence, str) else None
