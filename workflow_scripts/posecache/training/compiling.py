"""Functions compiled by PyTorch, where that is possible."""

import logging
from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo.exc
import torch._functorch.config
import torch._inductor.config

logger = logging.getLogger(__name__)


class Compiled:
    """A function or a network that is compiled when it is first called, for each batch size anew.

    Where that fails, one warning says so, and it runs as it is from then on. It is compiled whole,
    and its backward pass too, before any of it runs: what fails has changed nothing.
    """

    def __init__(self, what: str, function: Callable[..., Any]) -> None:
        """`what` is its name in the warning."""
        if hasattr(torch._functorch.config, "force_non_lazy_backward_lowering"):
            # Else a backward pass that fails is told in the log at once, and fails when it is run.
            torch._functorch.config.force_non_lazy_backward_lowering = True
        torch._inductor.config.compile_threads = torch.get_num_threads()
        self.what, self.plain = what, function
        self._run: Callable[..., Any] = torch.compile(function, fullgraph=True, dynamic=False)

    def __call__(self, *given: Any) -> Any:
        """What the function gives."""
        try:
            return self._run(*given)
        except torch._dynamo.exc.TorchDynamoException as error:
            if self._run is self.plain:
                raise
            reason = str(error).strip().partition("\n")[0]
            logger.warning("warning: %s runs as it is, not compiled: %s", self.what, reason)
            self._run = self.plain
            return self.plain(*given)
