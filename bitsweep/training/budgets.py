"""The numbers of tokens that a pass computes on at a time. This module needs no torch, for the sake of estimates."""

# The padded tokens of a micro-batch in training: with so many, a small encoder's activations about fit a core's cache.
TRAINING_TOKENS = 4096
# The same in evaluation: without gradients nothing is stored for later, so that larger batches fit.
EVALUATION_TOKENS = 8192
