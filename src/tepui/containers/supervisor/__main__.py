"""Start the supervisor as a script: ``python -I -S <this file> …``.

The packages above this one import an event loop, codecs and more. The supervisor must stay small,
so empty packages stand in for them: the import system finds our modules below those, and nothing
else is loaded.
"""

import sys
from types import ModuleType


def _stand_in(name: str, directory: str) -> None:
    package = ModuleType(name)
    package.__path__ = [directory]
    sys.modules[name] = package


if __name__ == "__main__":
    _containers = __file__.rsplit("/", 2)[0]
    _tepui = _containers.rsplit("/", 1)[0]
    _stand_in("tepui", _tepui)
    _stand_in("tepui.containers", _containers)

    from tepui.containers.supervisor.main import main

    sys.exit(main(sys.argv[1:]))
