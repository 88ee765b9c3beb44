"""`from torchvision_cpu import torchvision`: torchvision, even where its compiled operators do not load.

torchvision's ordinary wheel is built for CUDA. Beside a CPU-only torch its compiled operators (nms, roi_align, ...)
stay unregistered, and `import torchvision` then fails with "operator torchvision::nms does not exist", because it
describes their output shapes to torch. Nothing here uses those operators, so those descriptions are dropped.
"""

import torch

_register_fake = torch.library.register_fake


def _register_fake_unless_torchvision(operator, *arguments, **options):
    if str(operator).startswith("torchvision::"):
        return lambda function: function
    return _register_fake(operator, *arguments, **options)


torch.library.register_fake = _register_fake_unless_torchvision
import torchvision  # noqa: E402

torch.library.register_fake = _register_fake
