"""The files that a run writes into its folder."""

# The names of the files, by what the rules call them.
RUN_FILES = {
    "history": "history.csv",
    "result": "result.json",
    "costs": "costs.json",
    "predictions": "predictions.npy",
    "weights": "weights.safetensors",
}
# The columns of every history; with another metric than accuracy there is one more.
HISTORY = ("epoch", "steps", "train_loss", "validation_loss", "validation_accuracy")
