"""``python -m tepui.cli`` is ``tepui``."""

from tepui.cli import main

main()
