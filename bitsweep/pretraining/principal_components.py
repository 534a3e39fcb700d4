"""Principal components whose signs are fixed."""

import torch


def leading_components(covariance: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `size` largest variances, descending, and their directions, one in each column; float64.

    The sign of an eigenvector is the library's choice; here the entry that is largest in size is positive.
    """
    values, vectors = torch.linalg.eigh(covariance.double())
    values, vectors = values.flip(0)[:size], vectors.flip(1)[:, :size]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return values.clamp(min=0), vectors * largest.sign()


def whitening(covariance: torch.Tensor, size: int) -> torch.Tensor:
    """Return the matrix that turns centred rows into `size` uncorrelated columns of standard deviation 1; float64.

    Directions in which the rows do not vary become 0.
    """
    values, vectors = leading_components(covariance, size)
    return torch.where(values > 1e-9 * values[0], vectors / values.clamp(min=1e-30).sqrt(), 0.0)
