"""BitSweep: fine-tuning sweeps over batch size, learning rate and mode, with honest reports."""
