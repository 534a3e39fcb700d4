"""The way of labelled texts from their source to tokenized splits."""
