"""What the Snakefile asks: params and resources of rules, names of files, what a call does before its jobs."""
