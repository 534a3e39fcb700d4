"""The files that a run writes into its folder."""

# What a run writes into its folder, by what rules call it.
RUN_FILES = {
    "history": "history.csv",
    "result": "result.json",
    "costs": "costs.json",
    "predictions": "predictions.npy",
    "weights": "weights.safetensors",
}
# The columns of every history; of another metric than accuracy there is one more.
HISTORY = ("epoch", "steps", "train_loss", "validation_loss", "validation_accuracy")
