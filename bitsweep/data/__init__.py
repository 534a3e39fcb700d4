"""From the source of labelled texts to tokenized splits."""
