"""How published networks start."""

from torch import nn


def xavier_init(module: nn.Module, skip: str | None = None) -> None:
    """Xavier's uniform start for all parameters of two or more dimensions.

    Args:
        module: What is initialized.
        skip: Parameters whose names start with it stay as they are; None for no such.
    """
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1 and not (skip and name.startswith(skip)):
            nn.init.xavier_uniform_(parameter)
