"""Codes of texts, a few numbers for what each is about, by latent semantic analysis (Deerwester et al., 1990).

They are made from a corpus without labels: from the leading directions in which its texts' words and pairs of words
vary. In reviews of films the first directions separate kinds of film and, though no label was read, praise from blame.
"""

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils.extmath import randomized_svd

from bitsweep.data.tokens import Tokens
from bitsweep.errors import UserError
from bitsweep.pretraining.principal_components import leading_components

# A code has at most so many directions.
DIRECTIONS = 64
# A text with fewer pieces than this, and fewer than the median text, is too short for a code.
SHORTEST = 50
# A piece, or a pair of neighbouring pieces, counts if it is in at least this share of the texts, and in at least two.
SHARE = 0.001


def document_codes(windows: Tokens, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the codes of the corpus's texts; the labels of `windows` are the numbers of their texts.

    Returns the codes, scaled to a standard deviation of 1 (float32 of shape (texts, directions)), by how much the texts
    vary in each direction relative to the first (float32 of shape (directions,)), and which texts are long enough to
    have a code of their own (bool of shape (texts,)). Raises UserError.
    """
    weighted, coded = weighted_counts(windows)
    size = min(DIRECTIONS, min(weighted[coded].shape) - 2)
    if size < 1:
        raise UserError("pretrain.corpus has too few texts that share words with others: add texts.")
    # One direction more than the codes have, since the first is that of the mean text, which is subtracted below.
    # randomized_svd takes seeds of 32 bits.
    _, _, directions = randomized_svd(weighted[coded], size + 1, n_iter=4, random_state=seed % 2**32)
    codes = weighted @ directions.T
    codes = codes - codes[coded].mean(0)
    variances, vectors = leading_components(torch.from_numpy(codes[coded].T @ codes[coded] / coded.sum()), size)
    # Texts that are much alike do not vary in all of these directions.
    vary = variances > 1e-6 * variances[0]
    if not vary[0]:
        raise UserError("pretrain.corpus has the same words in all its texts: add other texts.")
    codes = codes @ vectors[:, vary].numpy()
    spread = variances[vary].sqrt().numpy()
    return (codes / spread).astype(np.float32), (spread / spread[0]).astype(np.float32), coded


def weighted_counts(windows: Tokens) -> tuple[sp.csr_matrix, np.ndarray]:
    """Return the pieces and pairs of neighbouring pieces of each text, weighted by rarity, and which texts are coded.

    The matrix has a row of length 1 for each text; `coded` is bool of shape (texts,).
    """
    owners = np.repeat(windows.labels.numpy(), windows.lengths)
    ids = windows.input_ids.numpy().astype(np.int64)
    # The special tokens at a window's ends are left out.
    inner = np.ones(len(ids), dtype=bool)
    inner[windows.offsets[:-1]] = inner[windows.offsets[1:] - 1] = False
    pairs = inner[:-1] & inner[1:]
    texts, words = int(owners.max()) + 1, int(ids.max()) + 1
    terms = np.concatenate([ids[inner], words + ids[:-1][pairs] * words + ids[1:][pairs]])
    rows = np.concatenate([owners[inner], owners[:-1][pairs]])
    pieces = np.bincount(owners[inner], minlength=texts)
    coded = pieces >= min(SHORTEST, np.median(pieces[pieces > 0]))
    # Each term of a text counts once.
    order = np.lexsort((terms, rows))
    terms, rows = terms[order], rows[order]
    new = np.ones(len(terms), dtype=bool)
    new[1:] = (terms[1:] != terms[:-1]) | (rows[1:] != rows[:-1])
    terms, rows = terms[new], rows[new]
    known, columns = np.unique(terms, return_inverse=True)
    counts = np.bincount(columns[coded[rows]], minlength=len(known))
    frequent = counts >= max(2, SHARE * coded.sum())
    chosen = frequent[columns]
    rarity = np.log(coded.sum() / counts[frequent])
    columns = (np.cumsum(frequent) - 1)[columns[chosen]]
    matrix = sp.csr_matrix((rarity[columns], (rows[chosen], columns)), shape=(texts, int(frequent.sum())))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    return sp.diags(1 / np.maximum(lengths, 1e-9)) @ matrix, coded
