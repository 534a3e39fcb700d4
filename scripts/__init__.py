"""The jobs' programs: `python -m scripts.<name>`.

They draw no progress bars, which would fill their logs, and stand between the lines of those that are called by hand.

While a program imports, which takes seconds, Ctrl-C ends it without a word, as it ends other programs. After that
`jobs.entry.run` reports the interruption.
"""

import os
import signal
import sys

# `sys.argv[0]` is -m while Python looks for the module of a program: so one is about to run, and this is no import by
# other code. Where the signal is ignored, as in a shell's background, it stays ignored.
if sys.argv[0] == "-m":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
