"""The jobs of pretraining/Snakefile."""
