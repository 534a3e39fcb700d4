"""Sentences for what pydantic finds wrong with a config; each names the key, the value and the remedy."""

import difflib

from bitsweep.config.settings import (
    FilesData,
    FolderEncoder,
    GlueData,
    HubData,
    HubEncoder,
    Lora,
    Mode,
    PackageData,
    Settings,
    Study,
)
from bitsweep.data.glue import TASKS

HUB_NAME = "a name as on the Hub, such as prajjwal1/bert-tiny"
# The branches of unions, each with the section that stands there.
BRANCHES = {
    ("data", "package"): PackageData,
    ("data", "files"): FilesData,
    ("data", "hub"): HubData,
    ("data", "glue"): GlueData,
    ("encoder", "folder"): FolderEncoder,
    ("encoder", "hub"): HubEncoder,
}


def describe_key(location: tuple) -> str:
    """Spell `("grid", "batch_size", 0)` as `grid.batch_size[0]`; the names of a union's branches are left out."""
    text = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]" and not (index == 1 and location[:2] in BRANCHES):
            text += f".{part}" if text else part
    return text


def known_keys(location: tuple) -> list[str]:
    """Return the keys that are allowed where an unknown key was found."""
    optional = {"study": Study}
    if len(location) == 1:
        section = Settings
    elif location[0] == "modes":
        section = Lora if len(location) == 4 else Mode
    elif len(location) == 3:
        section = BRANCHES[location[:2]]
    else:
        section = optional.get(location[0]) or Settings.model_fields[location[0]].annotation
    return list(section.model_fields)


def shorten(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def explain(detail: dict) -> str:
    """Return one of pydantic's errors as a sentence that names the key, the value and the remedy."""
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    key, value = describe_key(location), shorten(detail["input"])
    if kind == "missing":
        return f"{key} is missing from the config: add it (config.schema.json describes it)."
    if kind == "extra_forbidden":
        known = known_keys(location)
        # It may be a key that `predict` takes on the command line, mistyped.
        near_to = [*known, "input", "output"] if len(location) == 1 else known
        near = difflib.get_close_matches(str(location[-1]), near_to, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"remove it, or use one of {', '.join(known)}."
        return f"{key} is not a key of the config (value {value}): {remedy}"
    if kind == "union_tag_not_found":
        return (
            f"{key}.source is missing from the config: set it to one of {context.get('expected_tags', 'its values')}."
        )
    if kind == "union_tag_invalid":
        return f"{key}.source is {context['tag']!r}: set it to one of {context['expected_tags']}."
    if location == ("data", "glue", "task") and detail["input"] == "stsb":
        return f"data.task is 'stsb', a regression, and BitSweep only classifies: set it to one of {', '.join(TASKS)}."
    requirements = {
        "int_type": "a whole number",
        "float_type": "a number, such as 3e-4",
        "string_type": "a text (put it in quotes)",
        "list_type": f"a list, such as [{detail['input']}]"
        if isinstance(detail["input"], str | int | float)
        else "a list",
        "model_type": "a section with keys of its own",
        "model_attributes_type": "a section with keys of its own",
        "dict_type": "a section with keys of its own",
        "finite_number": "a finite number",
        "too_long": f"a list of at most {context.get('max_length')} values",
        "bool_type": "true or false",
        "string_too_long": f"a text of at most {context.get('max_length')} characters",
        "string_unicode": "a text in Unicode",
        "too_short": f"a list of at least {context.get('min_length')} value(s)",
        "string_too_short": "a text that is not empty",
        "greater_than": f"a number greater than {context.get('gt')}",
        "greater_than_equal": f"at least {context.get('ge')}",
        "less_than": f"a number less than {context.get('lt')}",
        "less_than_equal": f"at most {context.get('le')}",
        "literal_error": f"one of {context.get('expected')}",
        "hub_name": f"{HUB_NAME}, without -- or .. and without .git at its end",
        "label_value": "a text (put it in quotes) or a whole number, as it stands in the column of labels",
        "string_pattern_mismatch": {
            "revision": "a commit of 40 hexadecimal digits, as the repository's history on the Hub shows it",
            "name": HUB_NAME,
            **dict.fromkeys(("train", "validation", "test"), "a path or an address without line breaks"),
            "path": "a path without line breaks",
            "model": "a folder's path without braces or line breaks, whose last part is a name of letters, digits, "
            "dots, dashes and underscores that starts with a letter or digit",
        }.get(
            str(location[-1]),
            "a name of letters, digits, dots, dashes and underscores that starts with a letter"
            + (" or digit" if location[0] == "experiment" else ""),
        ),
    }
    return f"{key} is {value}: set it to {requirements.get(kind, detail['msg'])}."
