"""`f5d`: import its command line and run it."""

from __future__ import annotations

from f5ctl.starting import load


def main() -> None:
    """Run the command line and end the process."""
    load("f5d", "f5d.commands")
    from f5d.commands import main as commands

    commands(prog_name="f5d")


if __name__ == "__main__":
    main()
