"""Where BitSweep itself lies, and folders that a config names."""

from pathlib import Path

# The folder of the Snakefile, the scripts and the embedded encoder.
ROOT = Path(__file__).resolve().parents[1]


def find_folder(path: str | Path) -> Path:
    """Return a folder that a config names: where Snakemake runs, else beside the Snakefile.

    Where neither is there, it is the one where Snakemake runs. So a workflow that takes BitSweep in from elsewhere can
    name the embedded encoder as it is named here.
    """
    beside = ROOT / path
    return beside if not Path(path).is_dir() and beside.is_dir() else Path(path)
