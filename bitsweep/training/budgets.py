"""How many tokens a pass computes on at a time. Without torch, for who estimates what a pass costs."""

# Padded tokens of a micro-batch in training: about what keeps the activations of a small encoder in a core's cache.
TRAINING_TOKENS = 4096
# Without gradients nothing is stored for later, so that larger batches fit.
EVALUATION_TOKENS = 8192
