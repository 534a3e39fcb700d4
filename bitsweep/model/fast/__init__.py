"""Layers that compute what transformers' own do, made for small encoders on a CPU."""
