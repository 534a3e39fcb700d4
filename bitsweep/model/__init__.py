"""The model of a run: the pretrained encoder, the classifier on top of it, and the choice of what trains."""
