"""Write the conda environment of all rules from the lock file: `python -m envs.write`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock` from requirements.lock, for snakemake --software-deployment-method conda.\n"


def environment(lock: str) -> str:
    """Return the environment file's text: Python from conda-forge, all else in the versions of the lock file."""
    pins = [line for line in lock.splitlines() if line and not line.startswith("#")]
    lines = [
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - pip:",
    ]
    return HEADER + "\n".join(lines + [f"      - {pin}" for pin in pins]) + "\n"


if __name__ == "__main__":
    (ROOT / "envs" / "bitsweep.yaml").write_text(environment((ROOT / "requirements.lock").read_text()))
