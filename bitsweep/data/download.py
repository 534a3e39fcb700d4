"""Files from addresses on the web: each is downloaded once, and a failure is explained in one sentence."""

import hashlib
import os
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from bitsweep.data.readers import suffix_of, without_secrets
from bitsweep.errors import UserError
from bitsweep.files import whole_file

# How long to wait for an answer. Between tries the waits double, and are 7 s in all.
TIMEOUT_SECONDS = 60
# Seconds. Where a server asks for a longer wait, by `Retry-After`, the download fails at once.
LONGEST_WAIT = 120
CHUNK = 2**20


class BriefRetry(Retry):
    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None) -> Retry:
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_WAIT:
            raise MaxRetryError(_pool, url)
        return super().increment(method, url, response, error, _pool, _stacktrace)


RETRIES = BriefRetry(total=4, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)


def download(address: str, key: str, folder: Path) -> Path:
    """Return the path of the file at an address, downloaded to `folder` unless it is there; `key` is the config's.

    A proxy is taken from the environment, as usual. Raises UserError.
    """
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    path = folder / f"{name}{suffix_of(address)}"
    if path.is_file():
        return path
    remedy = "check the address and the network, or download the file and set the key to its path"
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=RETRIES))
        try:
            with session.get(address, stream=True, timeout=TIMEOUT_SECONDS) as answer:
                if answer.status_code != 200:
                    wait = RETRIES.get_retry_after(answer.raw) or 0
                    asks = f" and asks for {wait:,.0f} s of waiting" if wait > LONGEST_WAIT else ""
                    raise UserError(
                        f"{key} is {without_secrets(address)!r}, which answered {answer.status_code}{asks}: {remedy}."
                    )
                write(answer, path)
        except requests.RequestException as error:
            raise UserError(
                f"{key} is {without_secrets(address)!r}, which cannot be fetched ({type(error).__name__}): {remedy}."
            ) from None
    print(f"downloaded {without_secrets(address)}", flush=True)
    return path


def write(answer: requests.Response, path: Path) -> None:
    # The file is no output of a rule, so its checksum is not noted.
    with whole_file(path, lasting=False) as part, part.open("wb") as file:
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
