"""The shape of an encoder, from which its costs follow. It is read without loading the encoder."""

from collections.abc import Mapping
from dataclasses import dataclass

# The numbers of bert-base, which stand in for those of an encoder whose files are not here yet.
UNKNOWN = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072, "vocab_size": 30522}
# The names that other architectures give to them.
OTHER_NAMES = {
    "hidden_size": ("dim", "d_model"),
    "num_hidden_layers": ("n_layers", "num_layers"),
    "intermediate_size": ("hidden_dim", "ffn_dim"),
    "vocab_size": (),
}


@dataclass(frozen=True)
class Shape:
    """The shape of an encoder.

    `hidden` is its hidden size, `inner` its feed-forward size, `embeddings` the number of parameters in embeddings.
    """

    layers: int
    hidden: int
    inner: int
    embeddings: int

    @property
    def body(self) -> int:
        """The number of parameters in the matrices of all layers."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.inner)


def read_shape(config: Mapping) -> Shape:
    """Return the shape in an encoder's config.json, whatever names it uses; what is missing is as in bert-base."""

    def value(name: str) -> int:
        found = (config.get(key) for key in (name, *OTHER_NAMES[name]))
        return next((number for number in found if isinstance(number, int) and number > 0), UNKNOWN[name])

    hidden = value("hidden_size")
    width = config.get("embedding_size")
    embeddings = value("vocab_size") * (width if isinstance(width, int) else hidden)
    return Shape(value("num_hidden_layers"), hidden, value("intermediate_size"), embeddings)
