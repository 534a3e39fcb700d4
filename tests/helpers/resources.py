"""What a run's time follows from."""

from bitsweep.config.settings import Settings
from bitsweep.workflow.rule_params import data_text, encoder_text, split_key, timed_key


def timed_of(settings: Settings) -> str:
    return timed_key(settings, encoder_text(settings), split_key(settings, data_text(settings)))
