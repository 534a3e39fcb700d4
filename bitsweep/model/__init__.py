"""What is trained: the pretrained encoder, the classifier on top of it, and which of its parameters train."""
