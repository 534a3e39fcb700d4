"""Downloads from the Hugging Face Hub, whose failures are explained in one sentence; `HF_ENDPOINT` names another Hub.

Only the fetch rules import this module: all other jobs run with the Hub switched off (`environment.prepare_jobs`).
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
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
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from bitsweep.data.download import LONGEST_WAIT
from bitsweep.errors import UserError, in_short
from bitsweep.files import canonical_json, read_json, whole_file
from bitsweep.jobs.environment import USER_OFFLINE

# Tries of what huggingface_hub itself tries only once, and the seconds before the second of them, which then double.
TRIES = 5
FIRST_WAIT = 1.0
BUSY = (408, 429, 500, 502, 503, 504)

if USER_OFFLINE in os.environ:
    hub_constants.HF_HUB_OFFLINE = os.environ[USER_OFFLINE].upper() in hub_constants.ENV_VARS_TRUE_VALUES


def will_pass(error: BaseException) -> bool:
    """Return whether the same request may succeed later: the Hub is busy, or a connection broke."""
    if isinstance(error, HfHubHTTPError):
        busy = error.response is not None and error.response.status_code in BUSY
        return busy and (asked_wait(error) or 0) <= LONGEST_WAIT
    return isinstance(error, httpx2.TransportError)


def asked_wait(error: BaseException) -> float | None:
    """Return the seconds of waiting that the Hub asks for by `Retry-After`, None where it asks for none."""
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return float(asked) if asked.isdigit() else None


def seconds_to_wait(state: RetryCallState) -> float:
    """Return the seconds that the Hub asks for, else twice the wait before."""
    asked = asked_wait(state.outcome.exception())
    return FIRST_WAIT * 2 ** (state.attempt_number - 1) if asked is None else asked


def report_retry(state: RetryCallState) -> None:
    first_line = str(state.outcome.exception()).splitlines()[0]
    print(f"The Hub: {first_line}: trying again in {state.next_action.sleep:.0f} s", flush=True)


def patiently(call: Callable, *arguments: Any, **options: Any) -> Any:
    """Call the Hub, and call it again where a connection broke or the Hub was busy.

    huggingface_hub 2.4 itself does so only when it lists files and asks for a file's size, and it continues a broken
    download where it broke. It does not try again where a connection is reset, a file is answered by a status of 5xx,
    or a question is about a repository.
    """
    tries = Retrying(
        retry=retry_if_exception(will_pass),
        stop=stop_after_attempt(TRIES),
        wait=seconds_to_wait,
        before_sleep=report_retry,
        reraise=True,
    )
    return tries(call, *arguments, **options)


@contextmanager
def hub_errors(section: str, name: str, revision: str | None) -> Iterator[None]:
    """Turn the Hub's failures over `name` at `revision`, from the config's `section`, into a UserError."""
    endpoint = hub_constants.ENDPOINT
    try:
        yield
    except GatedRepoError:
        raise UserError(
            f"{section}.name is {name!r}, which is gated: ask for access on {endpoint}, and set HF_TOKEN."
        ) from None
    except RevisionNotFoundError:
        raise UserError(
            f"{section}.revision is {revision!r}, which {name} does not have: correct the commit."
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{section}.name is {name!r}, which {endpoint} does not have: correct the name, or set HF_TOKEN if it is "
            "private."
        ) from None
    # hf_xet, by which large files come from the real Hub, has no class of its own for what goes wrong there.
    except (httpx2.TransportError, LocalEntryNotFoundError, OSError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        # Its cause is the error of the earlier question for the file's size.
        cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else error
        if isinstance(cause, HfHubHTTPError) and cause.response is not None:
            status = cause.response.status_code
            remedy, often = "check HF_TOKEN", ""
            if status in BUSY:
                remedy, often = "call again later; what has been fetched is kept", " again and again"
                wait = asked_wait(cause) or 0
                if wait > LONGEST_WAIT:
                    often = f" and asks for {wait:,.0f} s of waiting"
            raise UserError(
                f"The Hub at {endpoint} answered {status} for {name!r} ({section}.name){often}: {remedy}."
            ) from None
        if not isinstance(error, httpx2.TransportError | LocalEntryNotFoundError | OfflineModeIsEnabled):
            raise UserError(
                f"The download of {name!r} ({section}.name) from {endpoint} failed ({in_short(error)}): call again; "
                "what has been fetched is kept."
            ) from None
        raise UserError(
            f"The Hub at {endpoint} cannot be reached for {name!r} ({section}.name): check the network and "
            "HF_ENDPOINT, or run first where there is a network; only the fetch rules need one."
        ) from None


def pin_revision(section: str, name: str, revision: str | None, revisions_file: str | Path) -> str:
    """Return the commit of the repository `name` to take: `revision` where the config's `section` names one.

    Else it is the newest commit at the first call, which the JSON file `revisions_file` stores for all later calls, by
    the repository's name. Raises UserError.
    """
    if revision:
        return revision
    revisions_file = Path(revisions_file)
    pinned = read_json(revisions_file) if revisions_file.is_file() else {}
    if name not in pinned:
        kind = "dataset" if section == "data" else "model"
        with hub_errors(section, name, None):
            pinned[name] = patiently(HfApi().repo_info, name, repo_type=kind).sha
        # The file is no output of a rule, so its checksum is not noted.
        with whole_file(revisions_file, lasting=False) as part:
            part.write_text(canonical_json(pinned), encoding="utf-8")
    return pinned[name]


def cached_files(name: str, revision: str) -> list[str]:
    """Return the paths of a data set's files that are in the Hub's cache."""
    try:
        folder = Path(snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return []
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def list_data_files(name: str, revision: str, listings_file: Path) -> list[str]:
    """Return the paths of all files of a data set; the JSON file `listings_file` stores them for later calls.

    Where the Hub cannot be reached, return those that are in its cache. Raises UserError.
    """
    listed = read_json(listings_file) if listings_file.is_file() else {}
    key = f"{name} at {revision}"
    if key in listed:
        return listed[key]
    cached = cached_files(name, revision)
    with hub_errors("data", name, revision):
        try:
            ask = HfApi().list_repo_files if cached else partial(patiently, HfApi().list_repo_files)
            names = ask(name, repo_type="dataset", revision=revision)
        except (httpx2.TransportError, OfflineModeIsEnabled):
            if cached:
                return cached
            raise
    with whole_file(listings_file, lasting=False) as part:
        part.write_text(canonical_json({**listed, key: names}), encoding="utf-8")
    return names


def download_data_file(name: str, revision: str, file: str) -> Path:
    """Return the path of one file of a data set, through the Hub's own cache. Raises UserError."""
    with hub_errors("data", name, revision):
        try:
            return Path(patiently(hf_hub_download, name, file, repo_type="dataset", revision=revision))
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):
                raise
            raise UserError(
                f"The data set {name} has no file {file!r} at revision {revision}: correct the path under data."
            ) from None
