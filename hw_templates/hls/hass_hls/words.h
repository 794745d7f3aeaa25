// Words side by side on a stream, and the number rules that all blocks share.
// The rules are those of hass/fixed_point.py: round half up, stored words saturate.
#ifndef HASS_WORDS_H
#define HASS_WORDS_H

#include <ap_int.h>
#include <hls_stream.h>

namespace hass {

// N words that travel together: one beat of a stream.
template <typename T, int N>
struct vec {
    T word[N];
    T& operator[](int place) { return word[place]; }
    const T& operator[](int place) const { return word[place]; }
};

// A constant of BITS bits in a large table.
template <int BITS>
struct rom_word {
#ifdef __SYNTHESIS__
    typedef ap_int<BITS> type;
#else  // the same values; large tables of a built-in type compile faster
    typedef long long type;
#endif
};

constexpr int min_of(int a, int b) { return a < b ? a : b; }
constexpr int max_of(int a, int b) { return a > b ? a : b; }

// The word of OUT bits nearest to a value of IN bits: the ends of the format hold what exceeds it.
template <int OUT, int IN>
ap_int<OUT> saturate(const ap_int<IN>& value) {
#pragma HLS INLINE
    const long long high = (1LL << (OUT - 1)) - 1;
    const long long low = -high - 1;
    if (value > high) return ap_int<OUT>(high);
    if (value < low) return ap_int<OUT>(low);
    return ap_int<OUT>(value);
}

// floor(value / 2**SHIFT + 1/2), SHIFT >= 0; one bit wider than its operand.
template <int SHIFT, int IN>
ap_int<IN + 1> round_shift(const ap_int<IN>& value) {
#pragma HLS INLINE
    const int shift = min_of(max_of(SHIFT, 1), IN);
    ap_int<IN + 1> wide = value;
    if (SHIFT <= 0) return wide;
    if (SHIFT >= IN) return ap_int<IN + 1>(0);
    wide += 1LL << (shift - 1);
    wide >>= shift;
    return wide;
}

// An integer with SHIFT more fractional bits than the word of OUT bits it becomes.
template <int OUT, int SHIFT, int IN>
ap_int<OUT> requantise(const ap_int<IN>& value) {
#pragma HLS INLINE
    const int left = min_of(max_of(-SHIFT, 0), OUT);
    if (SHIFT >= 0) return saturate<OUT>(round_shift<SHIFT>(value));
    ap_int<2 * OUT> wide = saturate<OUT>(value);
    wide <<= left;
    return saturate<OUT>(wide);
}

}  // namespace hass

#endif
