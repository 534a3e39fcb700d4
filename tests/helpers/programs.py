"""Programs that stand in model cards."""

import re


def run_program(text: str, heading: str, **names) -> dict:
    """Run the Python program under a heading of a card."""
    program = re.search(rf"## {heading}\n.*?```python\n(.*?)```", text, flags=re.S)[1]
    exec(program, names)
    return names
