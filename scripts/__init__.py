"""The jobs' programs: `python -m scripts.<name>`.

While one imports, which takes seconds, Ctrl-C ends it without a word, as it ends other programs; then `errors.run`
tells.
"""

import signal
import sys

# Python's name of a module that it is still looking for: it is run, not imported. Where the signal is ignored, as in a
# shell's background, it stays so.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
