"""How an encoder is made from texts without labels and from a larger encoder."""
