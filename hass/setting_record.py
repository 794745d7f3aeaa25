"""A layer's clips as they stand in files."""

from __future__ import annotations

from typing import Annotated

import pydantic

from .clip_family import MAGNITUDE, family_of
from .files import JsonValue
from .sparsity import SparsitySetting
from .validation import StrictRecord

WeightShare = Annotated[float, pydantic.Field(ge=0, lt=1)]
Threshold = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


class SettingRecord(StrictRecord):
    """``{"weight_sparsity": 0.5, "act_threshold": 0.1, "weight_family": "filter"}``."""

    weight_sparsity: WeightShare
    act_threshold: Threshold
    weight_family: str = str(MAGNITUDE)  # absent where there was no other yet

    @pydantic.field_validator("weight_family")
    @classmethod
    def _known(cls, name: str) -> str:
        family_of(name)
        return name

    def value(self) -> SparsitySetting:
        """The setting."""
        return SparsitySetting(
            self.weight_sparsity, self.act_threshold, family_of(self.weight_family)
        )


def setting_json(setting: SparsitySetting) -> dict[str, JsonValue]:
    """A setting as a record's JSON; magnitude is not named, so that files of it are as they were
    before there were other families."""
    plain: dict[str, JsonValue] = {
        "weight_sparsity": setting.weight_sparsity,
        "act_threshold": setting.act_threshold,
    }
    if setting.weight_family == MAGNITUDE:
        return plain
    return {**plain, "weight_family": str(setting.weight_family)}
