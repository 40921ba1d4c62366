"""Groups of commands, and what is said of a command or an option that is not there."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from glassnet._text import near_to


class Commands(TyperGroup):
    """Commands; who asks for one that is not there is told of those that come near to it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is asked for."""
        if args[0] not in self.list_commands(ctx):
            ctx.fail(unknown_command(args[0], self, ctx))
        return super().resolve_command(ctx, args)


def unknown_command(asked: str, group: TyperGroup, ctx: Any) -> str:
    """The message about a command that a group does not have, with the names that come near to it."""
    names = group.list_commands(ctx)
    known = {name: name for name in names}
    for name, inner in group.commands.items():
        if isinstance(inner, TyperGroup):
            known |= {experiment: f"glassnet {name} {experiment}" for experiment in inner.list_commands(ctx)}
    near = [known[name] for name in near_to(asked.replace("-", "_"), list(known))]
    return f"no such command {asked}; there is {' and '.join(near) or ', '.join(names)}"


def unknown_option(option: str, command: Any) -> str:
    """The message about an option that a command does not have, with the names that come near to it."""
    if isinstance(command, TyperGroup):
        return f"no such option {option} here; options come after the command that takes them"
    asked = option.lstrip("-").replace("_", "-")
    known = {name.lstrip("-"): name for one in command.params for name in one.opts if name.startswith("--")}
    near = [known[name] for name in near_to(asked, list(known))]
    flags = getattr(command, "flags", {})
    meant = near_to(asked.replace("-", "_"), flags)
    if asked.replace("-", "_") in meant or not near:
        near = [flags[name] for name in meant]
    return f"no such option {option}" + (f"; there is {' and '.join(near)}" if near else "; --help names all")
