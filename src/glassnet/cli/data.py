"""A user's own data, which every command that runs one experiment takes in place of ``--dataset``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from glassnet.cli.working import make_console

if TYPE_CHECKING:
    from glassnet.datasets import TrainTest
    from glassnet.runs.own_data import AnyData


def _own(about: str, *names: str) -> Any:
    return typer.Option(*names, help=about, show_default=False, rich_help_panel="Own data")


class Own(NamedTuple):
    """A user's own data, as the options say."""

    data: Annotated[
        Path | None,
        _own(
            "Own data in place of --dataset: .npz, .csv, or a folder with a sub-folder of images a class. All "
            "rows, unless fewer samples are asked for; the other numbers are those of MNIST."
        ),
    ] = None
    label: Annotated[str | None, _own("Column of the labels, by name or index, or name of their array.")] = None
    header: Annotated[
        bool | None,
        _own(
            "Whether the first row of a table has names of columns; decided by its content if not said.",
            "--header/--no-header",
        ),
    ] = None
    positive: Annotated[
        list[str] | None, _own("Class whose label is +1, the rest is -1; may be given several times.")
    ] = None
    negative: Annotated[list[str] | None, _own("Class whose label is -1, where others are left out.")] = None
    inputs: Annotated[str | None, _own("standardised (if not said), whitened or given: columns of --data.")] = None
    components: Annotated[
        str | None,
        _own("How many principal components of --data, or all for the columns themselves; 10 of more than 10."),
    ] = None
    test_data: Annotated[Path | None, _own("Test set to --data; without one there is none.")] = None
    split: Annotated[
        float | None, _own("Share of the rows of --data to train on, such as 0.8; the others are the test set.")
    ] = None
    split_seed: Annotated[int | None, _own("Names the draw of --split; 0 if not said.")] = None


def chosen(own: Own, dataset: str, samples: Any, output: Path | None) -> tuple[AnyData | str, str]:
    """The data that the options ask for, as a request holds them, and their name.

    Raises:
        ValueError: options that do not go together, or data that cannot be used.
        FileNotFoundError: no such file.
    """
    if own.data is None:
        for name, value in own._asdict().items():
            if value not in (None, []):
                raise ValueError(f"{name} must be given with data only, but got {_plain(value)}")
        return dataset, dataset
    from glassnet.runs.own_data import OwnData

    if dataset != "mnist":
        raise ValueError(f"dataset must not be given beside data, but got {dataset}")
    read = _read(own, samples)
    data = _as_stored(read, output)
    found = OwnData.of(data), data.train.name
    _say(read)
    return found


def _say(data: TrainTest) -> None:
    """Print what was read, and what became of it."""
    about, console = data.train.provenance, make_console()
    lines = [f"{about['source']}: {about['rows']}; {about['columns']}", f"labels: {about['counts']}"]
    tested = None if data.test is None else data.test.provenance.get("reading")
    lines += [f"read: {about['reading']}"] if "reading" in about else []
    lines += [f"test set read: {tested}"] if tested and tested != about.get("reading") else []
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _read(own: Own, samples: Any) -> TrainTest:
    from glassnet.datasets import read_dataset

    assert own.data is not None
    components: Any = own.components
    if components not in (None, "all"):
        if not re.fullmatch("-?[0-9]{1,9}", components):
            raise ValueError(f"components must be an integer or all, but got {components!r}")
        components = int(components)
    return read_dataset(
        own.data,
        label=own.label,
        header=own.header,
        positive=own.positive or None,
        negative=own.negative or None,
        inputs=own.inputs or "standardised",  # type: ignore[arg-type]
        n_features=components,
        n_samples=samples,
        test=own.test_data,
        split=own.split,
        seed=own.split_seed or 0,
    )


def _as_stored(data: TrainTest, output: Path | None) -> TrainTest:
    """The data as the run that there is has them, if it began with the same: another machine may round otherwise."""
    from glassnet.runs.own_data import FILE
    from glassnet.store.data import read_data

    try:
        stored = read_data(output / FILE) if output is not None else data
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return data
    same = stored.train.provenance.get("prepared_from") == data.train.provenance["prepared_from"]
    return stored if same else data
