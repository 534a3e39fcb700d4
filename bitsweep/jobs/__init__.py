"""What stands around every script: how it ends, what it inherits, which GPU it gets."""
