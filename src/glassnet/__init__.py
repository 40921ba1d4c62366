"""glassnet measures how glassy neural networks are.

The public names stand in ``__init__.pyi``; each is imported when it is first used, so that ``import glassnet`` and the
command line start fast.
"""

import lazy_loader

from glassnet.runs import registry

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [name for name in _names if not name.startswith("_")]

registry.look_in("glassnet.paper.experiments", "glassnet.beyond")
