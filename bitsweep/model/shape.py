"""An encoder's shape, from which its costs follow; read without loading it."""

from collections.abc import Mapping
from dataclasses import dataclass

# As bert-base has them, where the encoder's files are not here yet.
UNKNOWN = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072, "vocab_size": 30522}
# What other architectures call them.
OTHER_NAMES = {
    "hidden_size": ("dim", "d_model"),
    "num_hidden_layers": ("n_layers", "num_layers"),
    "intermediate_size": ("hidden_dim", "ffn_dim"),
    "vocab_size": (),
}


@dataclass(frozen=True)
class Shape:
    """The shape of an encoder: layers, hidden size, feed-forward size, parameters in layers and in embeddings."""

    layers: int
    hidden: int
    inner: int
    embeddings: int

    @property
    def body(self) -> int:
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.inner)


def read_shape(config: Mapping) -> Shape:
    """The shape that an encoder's config.json tells, under whatever names; what it does not tell is bert-base's."""

    def value(name: str) -> int:
        found = (config.get(key) for key in (name, *OTHER_NAMES[name]))
        return next((number for number in found if isinstance(number, int) and number > 0), UNKNOWN[name])

    hidden = value("hidden_size")
    width = config.get("embedding_size")
    embeddings = value("vocab_size") * (width if isinstance(width, int) else hidden)
    return Shape(value("num_hidden_layers"), hidden, value("intermediate_size"), embeddings)
