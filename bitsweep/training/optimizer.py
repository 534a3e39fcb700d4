"""AdamW (Loshchilov & Hutter, 2019, arXiv:1711.05101) in one fused kernel, as `torch.optim.AdamW(fused=True)` runs it.

torch's own class imports torch's compiler, which takes a second and a half, and drops the gradients' memory after every
step.
"""

from collections.abc import Iterable

import torch


class AdamW:
    """The optimizer of float32 parameters, with the betas and epsilon that torch and `transformers.Trainer` default to.

    As in the Trainer, weight decay spares parameters of one dimension: biases and normalization.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]
        self.decays = [weight_decay if parameter.dim() > 1 else 0.0 for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update the parameters by their gradients, which are 0 afterwards."""
        gradients = [parameter.grad for parameter in self.parameters]
        state = (self.parameters, gradients, self.first, self.second)
        torch._foreach_add_(self.steps, 1)
        for decay in set(self.decays):
            chosen = [index for index, own in enumerate(self.decays) if own == decay]
            torch._fused_adamw_(
                *([tensors[index] for index in chosen] for tensors in state),
                [],
                [self.steps[index] for index in chosen],
                lr=learning_rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=decay,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )
        torch._foreach_zero_(gradients)
