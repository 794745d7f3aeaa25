"""Dot-product engines as hw_templates/rtl builds them and yosys synthesises them for 7-series.

Multiplexers, accumulators, registers and delays are counted; the logic that decides (zero check,
arbiter, control) is fitted: coefficients.toml. docs/fidelity.md has every point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coefficients import Fitted, coefficients
from .foldings import IntArray
from .primitives import Amount, Ints, Terms, amount, ceil_div, clog2, fitted_lut, mux_lut

# hass_pair_sum.sv: a DSP48E2's 27 x 18 multiplier takes one weight and, this many bits higher,
# another one of up to 8 bits (UG579).
PAIR_SHIFT_BITS = 18
PAIR_WEIGHT_BITS = 27 - PAIR_SHIFT_BITS - 1


@dataclass(frozen=True, slots=True, eq=False)
class EngineSize:
    """n engines: products per segment and multipliers, (n,) each, and bits of the operands and
    of the accumulator."""

    products: IntArray
    fine: IntArray
    act_bits: int
    weight_bits: int
    acc_bits: int

    @property
    def turns(self) -> IntArray:
        """Cycles of a segment of a dense engine, (n,)."""
        return ceil_div(self.products, self.fine)

    @property
    def operand_bits(self) -> int:
        """Of one multiplication."""
        return self.act_bits + self.weight_bits


def pairable(size: EngineSize) -> IntArray:
    """Whether two dense engines that see the same activations are built as one hass_dense_pair,
    (n,) 0 or 1: the sum of the lower filter must stay below the upper one (products of the most
    negative operands), and a single multiplier would lose the accumulator in its DSP."""
    largest = 1 << (size.operand_bits - 2)
    fits = size.fine * largest < 1 << (PAIR_SHIFT_BITS - 1)
    narrow = size.weight_bits <= PAIR_WEIGHT_BITS
    return np.asarray((size.fine > 1) & fits & narrow, dtype=np.int64)


def dense_engine(size: EngineSize) -> Amount:
    """``fine`` multipliers that take a segment turn by turn; hass_dense_engine.sv."""
    several, turning = size.fine > 1, size.turns > 1
    lut = mux_lut(size.turns, size.fine * size.act_bits) + _sum_lut(size)
    # flags of a segment's first and last turn: constant where it has one
    flags = np.where(several, 0, np.where(turning, 4, 0))
    return amount(
        lut=fitted_lut(lut + np.where(several & turning, 2, 0), dense_terms(size), _dense()),
        ff=_sum_ff(size) + flags + clog2(size.turns),
        dsp=size.fine,
    )


def static_engine(size: EngineSize) -> Amount:
    """``fine`` multipliers that take the non-zero weights of a segment; hass_static_engine.sv."""
    several = size.fine > 1
    lut = mux_lut(size.products, size.fine * size.act_bits) + _sum_lut(size)
    return amount(
        lut=fitted_lut(lut + np.where(several, 2, 0), static_terms(size), _dense()),
        ff=_sum_ff(size) + np.where(several, 0, 4) + 1,
        dsp=size.fine,
    )


def pair_engine(size: EngineSize) -> Amount:
    """Two dense engines of ``fine`` > 1 multipliers each in ``fine`` DSPs; hass_dense_pair.sv."""
    fine = size.fine
    lut = mux_lut(size.turns, fine * size.act_bits) + 2 * size.acc_bits + 1
    # The second weights have one register of the DSP less than the first and the activations, so
    # they wait in SRLs from the third multiplier on, the others from the fourth.
    lut = lut + size.weight_bits * (fine - 2) + size.operand_bits * np.maximum(fine - 3, 0)
    ff = 2 * size.acc_bits + 3 * size.weight_bits + size.operand_bits * _delayed_words(fine + 1)
    return amount(
        lut=fitted_lut(lut + np.where(size.turns > 1, 2, 0), dense_terms(size), _dense()),
        ff=ff + fine + 4 + clog2(size.turns),
        dsp=fine,
    )


def dynamic_engine(size: EngineSize) -> Amount:
    """Zero check, selector, ``fine`` multipliers; hass_dynamic_engine.sv."""
    products, fine = size.products, size.fine
    several = fine > 1
    lut = mux_lut(products, fine * size.operand_bits) + np.where(several, size.acc_bits, 0)
    # SRLs: weights from the fifth multiplier on, activations, which have a register more, from
    # the sixth
    lut = lut + size.weight_bits * np.maximum(fine - 4, 0)
    lut = lut + size.act_bits * np.maximum(fine - 5, 0)
    # the segment twice, what is pending, an index and a grant a multiplier, the accumulator
    ff = 2 * products * size.operand_bits + products + fine * (clog2(products) + 1)
    ff = ff + np.where(several, size.acc_bits + fine + 5, 5)
    ff = ff + size.weight_bits * _delayed_words(fine)
    # an activation's first register is set to zero without a grant, so it is not the DSP's
    ff = ff + size.act_bits * (fine + np.minimum(np.maximum(fine - 3, 0), 1))
    ff = ff + size.act_bits * np.where(fine > 4, 2, 0)
    return amount(
        lut=fitted_lut(lut, dynamic_terms(size), coefficients().dynamic_engine),
        ff=ff,
        dsp=fine,
    )


def broadcast_engine(size: EngineSize, filters: Ints, segments: Ints) -> Amount:
    """A selector of activations that are not zero, and a multiplier for each of ``filters``;
    hass_broadcast_engine.sv. All of ``size.fine`` must be 1.

    Args:
        filters: multipliers, of as many filters.
        segments: of which the weight memory has rows.
    """
    products, bits = size.products, size.act_bits
    # twice the segment's activations, what is pending, an index, the activation that waits for its
    # weights, and what is valid and granted; marks of first and last wait in SRLs
    ff = products * (2 * bits + 1) + clog2(products) + bits + 7 + 2 * _row_bits(size, segments)
    lut = mux_lut(products, np.full_like(products, bits))
    terms = broadcast_terms(size)
    return amount(lut=fitted_lut(lut, terms, coefficients().broadcast_engine), ff=ff, dsp=filters)


def dense_terms(size: EngineSize) -> Terms:
    """What each LUT coefficient of a dense engine is multiplied by: its counter of turns."""
    turning = (size.turns > 1).astype(np.float64)
    return {
        "lut_control": np.ones(np.shape(turning)),
        "lut_turn_control": turning,
        "lut_per_turn_bit": clog2(size.turns).astype(np.float64),
    }


def static_terms(size: EngineSize) -> Terms:
    """As of a dense engine; it marks the first and last turn but does not count them."""
    one = np.ones(np.shape(size.products))
    return {"lut_control": one, "lut_turn_control": one}


def dynamic_terms(size: EngineSize) -> Terms:
    """What each LUT coefficient of a dynamic engine is multiplied by: zero checks, the arbiter's
    counts of requests, and the encoders of the indices that it grants."""
    products = np.asarray(size.products, dtype=np.float64)
    return {
        "lut_per_m_b": products * size.operand_bits / 2,
        "lut_per_m_count_bit": products * clog2(size.fine + 1),
        "lut_per_m_n_index_bit": products * size.fine * clog2(size.products),
    }


def broadcast_terms(size: EngineSize) -> Terms:
    """What each LUT coefficient of a broadcast engine is multiplied by: control with the rows of
    weights, zero checks, and the encoder of the index."""
    products = np.asarray(size.products, dtype=np.float64)
    return {
        "lut_control": np.ones(np.shape(products)),
        "lut_per_m_act_bit": products * size.act_bits,
        "lut_per_m_index_bit": products * clog2(size.products),
    }


def _row_bits(size: EngineSize, segments: Ints) -> IntArray:
    """Of the number of a segment's first row of weights; none where there is one segment. Where M
    is even the lowest bits never change, of which yosys leaves one."""
    products = np.asarray(size.products, np.int64)
    steady = clog2(products & -products)
    bits = clog2(np.asarray(segments, np.int64) * products) - np.maximum(steady - 1, 0)
    return np.where(np.asarray(segments) > 1, bits, 0)


def _dense() -> Fitted:
    return coefficients().dense_engine


def _delayed_words(fine: Ints) -> IntArray:
    """Operands of each side that the cascade of ``fine`` multipliers delays in flip-flops: the
    third's by one cycle and the fourth's by two, beyond the registers of the DSPs; later ones wait
    in SRLs."""
    count = np.asarray(fine, np.int64)
    return np.asarray(np.minimum((count - 1) * (count - 2) // 2, 3))


def _sum_lut(size: EngineSize) -> IntArray:
    """One multiplier accumulates in its DSP; of several the cascade's sum is added in LUTs, which
    hold the choice of the start too, and operands from the fifth multiplier on wait in SRLs."""
    adder = np.where(size.fine > 1, size.acc_bits, 0)
    return np.asarray(adder + size.operand_bits * np.maximum(size.fine - 4, 0))


def _sum_ff(size: EngineSize) -> IntArray:
    """Accumulator, delayed operands, and a valid bit a stage."""
    several = size.acc_bits + size.operand_bits * _delayed_words(size.fine) + size.fine + 3
    return np.where(size.fine > 1, several, 3)
