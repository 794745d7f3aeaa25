// a + b: both aligned to one point (SHIFT_A, SHIFT_B fractional bits fewer; negative: more),
// summed, brought to the output format (SHIFT fewer).
#ifndef HASS_ADD_H
#define HASS_ADD_H

#include "count.h"
#include "words.h"

namespace hass {

const int MAX_ALIGN_BITS = 16;  // operands further apart meet this far from the coarser one

// Aligned by -SHIFT to the left or by SHIFT, rounded, to the right.
template <int SHIFT, int BITS>
ap_int<BITS + MAX_ALIGN_BITS + 1> align(const ap_int<BITS>& value) {
#pragma HLS INLINE
    static_assert(SHIFT >= -MAX_ALIGN_BITS, "operands are too far apart");
    const int left = max_of(-SHIFT, 0);
    ap_int<BITS + MAX_ALIGN_BITS + 1> wide = round_shift<SHIFT>(value);
    wide <<= left;
    return wide;
}

template <int BITS, int WORDS, int S, int SHIFT_A, int SHIFT_B, int SHIFT>
void add(int frames, hls::stream<vec<ap_int<BITS>, S> >& a, hls::stream<vec<ap_int<BITS>, S> >& b,
         hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("add")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            const vec<ap_int<BITS>, S> left = a.read();
            const vec<ap_int<BITS>, S> right = b.read();
            vec<ap_int<BITS>, S> words;
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                ap_int<BITS + MAX_ALIGN_BITS + 2> sum = align<SHIFT_A>(left[s]);
                sum += align<SHIFT_B>(right[s]);
                words[s] = requantise<BITS, SHIFT>(sum);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
