"""Tables with one more column, the energy of a frame by the proxy of ``cost.energy``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.energy import energy_proxy_pj
from ..cost.foldings import IntArray
from .choice import FloatArray
from .rows import Rows, falls
from .spend import Spend, amount
from .tables import OptionTable

_STEPS = 1 << 20  # in which the largest energy of all choices is counted, if it has so many pJ
# Prices of shares of the budget, and of the energy beside them, at which rows are in the sketch.
_PRICES = np.array(
    [[0.2, 0.2, 0.2, 0.2, 0.2], [0.5, 0.05, 0.05, 0.2, 0.2], [0.1, 0.1, 0.6, 0.1, 0.1]]
)
_ENERGY_PRICES = (0.3, 3.0, 30.0)


@dataclass(frozen=True, slots=True, eq=False)
class EnergyColumn:
    """Tables in which the energy of a frame is the sixth resource.

    Attributes:
        tables: one per layer, with the rows of the layer's table. Of sparse engines these hold none
            that others beat in speed and every resource, so what is proved is of what they hold.
        spend: the energy, in steps, and the budget.
        step_pj: what one step is, of the proxy; energies are rounded down to whole steps.
    """

    tables: tuple[Rows, ...]
    spend: Spend
    step_pj: int


def table_energies(table: OptionTable) -> IntArray:
    """(n,) ``energy_proxy_pj`` of a table's rows."""
    energies = np.zeros(len(table), dtype=np.int64)
    key = table.key
    for places, foldings in table.by_group(np.arange(len(table), dtype=np.intp)):
        energies[places] = energy_proxy_pj(key.shape, foldings, key.sparsity, key.arithmetic)
    return energies


def _priced_rows(table: OptionTable, energies: IntArray, budget: IntArray) -> Rows:
    """A table with one more column, and rows in its sketch that are cheap with it."""
    use = np.column_stack([table.use[:, :5], energies])
    shares: FloatArray = use / np.maximum(budget, 1)
    costs = [
        shares[:, :5] @ prices + price * shares[:, 5]
        for prices in _PRICES
        for price in _ENERGY_PRICES
    ]
    cheap = [falls(table.cycles, cost) for cost in costs]
    return Rows(table.cycles, use, np.unique(np.concatenate([table.sketch, *cheap])))


def with_energy(tables: Sequence[OptionTable], budget: IntArray) -> EnergyColumn:
    """The problem of the least energy, for ``solve_least``.

    Args:
        tables: one per layer, none empty, weights on chip.
        budget: (5,) what all layers together may use.
    """
    distinct = {id(table): table for table in tables}
    energies = {known: table_energies(table) for known, table in distinct.items()}
    most = sum(int(energies[id(table)].max()) for table in tables)
    step = max(1, -(-most // _STEPS))
    extended = np.append(budget, most // step + 1)
    rows = {
        known: _priced_rows(table, energies[known] // step, extended)
        for known, table in distinct.items()
    }
    return EnergyColumn(
        tuple(rows[id(table)] for table in tables), amount(len(budget), extended), step
    )
