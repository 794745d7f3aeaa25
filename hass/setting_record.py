"""A layer's clips as they stand in files."""

from __future__ import annotations

from typing import Annotated, Self

import pydantic

from .clip_family import MAGNITUDE, family_of
from .files import JsonValue
from .filter_refit import FilterRefit
from .sparsity import SparsitySetting
from .validation import StrictRecord

WeightShare = Annotated[float, pydantic.Field(ge=0, lt=1)]
Threshold = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


class RefitRecord(StrictRecord):
    """``{"scales": [1.02, 0.97], "shifts": [0.01, -0.2]}``: a number per filter."""

    scales: list[Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]]  # JSON has no tuples
    shifts: list[Annotated[float, pydantic.Field(allow_inf_nan=False)]]

    @pydantic.model_validator(mode="after")
    def _of_the_same_filters(self) -> Self:
        self.value()
        return self

    def value(self) -> FilterRefit:
        """The refit.

        Raises:
            ValueError: if there are not as many scales as shifts.
        """
        return FilterRefit(tuple(self.scales), tuple(self.shifts))


class SettingRecord(StrictRecord):
    """``{"weight_sparsity": 0.5, "act_threshold": 0.1, "weight_family": "filter"}``."""

    weight_sparsity: WeightShare
    act_threshold: Threshold
    weight_family: str = str(MAGNITUDE)  # absent where there was no other yet
    refit: RefitRecord | None = None

    @pydantic.field_validator("weight_family")
    @classmethod
    def _known(cls, name: str) -> str:
        family_of(name)
        return name

    def value(self) -> SparsitySetting:
        """The setting."""
        return SparsitySetting(
            self.weight_sparsity,
            self.act_threshold,
            family_of(self.weight_family),
            None if self.refit is None else self.refit.value(),
        )


def setting_json(setting: SparsitySetting) -> dict[str, JsonValue]:
    """A setting as a record's JSON; neither magnitude nor a refit that is not there is named, so
    that files without them are as they were before there were any."""
    found: dict[str, JsonValue] = {
        "weight_sparsity": setting.weight_sparsity,
        "act_threshold": setting.act_threshold,
    }
    if setting.weight_family != MAGNITUDE:
        found["weight_family"] = str(setting.weight_family)
    if setting.refit is not None:
        found["refit"] = {
            "scales": list(setting.refit.scales),
            "shifts": list(setting.refit.shifts),
        }
    return found
