"""Downloads from the Hugging Face Hub, its failures told in a sentence. `HF_ENDPOINT` names another Hub."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bitsweep.encoder import choose_files
from bitsweep.errors import UserError


@contextmanager
def told(section: str, name: str, revision: str) -> Iterator[None]:
    """Turns the Hub's failures over `name` at `revision`, from the config's `section`, into a UserError."""
    endpoint = hub_constants.ENDPOINT
    try:
        yield
    except GatedRepoError:
        raise UserError(
            f"{section}.name is {name!r}, which is gated: ask for access on {endpoint}, set HF_TOKEN."
        ) from None
    except RevisionNotFoundError:
        raise UserError(
            f"{section}.revision is {revision!r}, which {name} does not have: correct the commit."
        ) from None
    except RepositoryNotFoundError:
        raise UserError(f"{section}.name is {name!r}, which {endpoint} does not have: correct the name.") from None
    except (httpx2.TransportError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        if isinstance(error, HfHubHTTPError) and error.response is not None:
            status = error.response.status_code
            raise UserError(
                f"The Hub at {endpoint} answered {status} for {name!r} ({section}.name): try again."
            ) from None
        raise UserError(
            f"The Hub at {endpoint} cannot be reached for {name!r} ({section}.name): check the network and "
            "HF_ENDPOINT, or run first where there is a network; only the fetch rules need one."
        ) from None


def newest_commit(name: str) -> str:
    """The commit that a data set's main branch is at now. Raises UserError."""
    with told("data", name, "main"):
        return HfApi().dataset_info(name).sha


def download_data_file(name: str, revision: str, file: str) -> Path:
    """One file of a data set, through the Hub's own cache. Raises UserError."""
    with told("data", name, revision):
        try:
            return Path(hf_hub_download(name, file, repo_type="dataset", revision=revision))
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):
                raise
            raise UserError(
                f"The data set {name} has no file {file!r} at revision {revision}: correct the path under data."
            ) from None


@contextmanager
def downloaded_encoder(name: str, revision: str) -> Iterator[Path]:
    """A folder, for the length of the block, that links to the files of a model repository that BitSweep needs."""
    with tempfile.TemporaryDirectory() as folder:
        with told("encoder", name, revision):
            names = HfApi().list_repo_files(name, revision=revision)
            for file in choose_files(names, f"{name} at revision {revision}", "encoder.revision"):
                cached = hf_hub_download(name, file, revision=revision)
                (Path(folder) / file).symlink_to(Path(cached).resolve())
        yield Path(folder)
