"""A pretrained encoder from the Hugging Face Hub. Only the fetch rules import this module."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download

from bitsweep.data.hub import hub_errors, patiently
from bitsweep.model.encoder_files import choose_files


@contextmanager
def downloaded_encoder(name: str, revision: str, section: str = "encoder") -> Iterator[Path]:
    """Yield a folder of links to those files of a model repository that BitSweep needs; it is removed after the block.

    `section` of the config names the repository, for error messages. Raises UserError where the download fails or a
    file that is needed is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        with hub_errors(section, name, revision):
            names = HfApi().list_repo_files(name, revision=revision)
            for file in choose_files(names, f"{name} at revision {revision}", f"{section}.revision"):
                cached = patiently(hf_hub_download, name, file, revision=revision)
                (Path(folder) / file).symlink_to(Path(cached).resolve())
        yield Path(folder)
