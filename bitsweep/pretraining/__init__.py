"""Pretraining: a small encoder is made from texts without labels and from a larger encoder."""
