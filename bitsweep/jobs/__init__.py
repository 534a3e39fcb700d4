"""The surroundings of every script: how it ends, what it inherits, which GPU it gets."""
