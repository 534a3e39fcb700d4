"""Names of files in an experiment's folder that several rules share."""

from collections.abc import Sequence

SPLITS = ("train", "validation", "test")
# An encoder, as fetch_encoder writes it.
ENCODER_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
# The files of an encoder that training reads.
MODEL_FILES = ENCODER_FILES[:2]
# A classifier, as export_mode writes it.
EXPORTED = (*ENCODER_FILES, "calibration.json")
# The tables that summarize makes, each with its category in `snakemake --report`.
SUMMARY_TABLES = {
    "results": "Results",
    "data": "Data",
    "grid": "Data",
    "validation": "Validation",
    "test": "Test",
    "confusion": "Test",
    "differences": "Test",
    "modes": "Costs",
    "runs": "Runs",
    "costs": "Costs",
}
TABLES = ("encoder_input", *SUMMARY_TABLES)
# Every table and every figure is there for programs, for pages and for papers.
TABLE_FORMATS = ("csv", "md", "tex")
FIGURE_FORMATS = ("svg", "png", "json")


def figures(modes: Sequence[str]) -> list[str]:
    """Return the names of the report's figures."""
    return ["learning_curves", "costs", "differences", *(f"heatmap_{mode}" for mode in modes)]
