// min(max(alpha * x + beta, 0), 1) with integers ALPHA and BETA, BETA in the format of the product;
// SHIFT is from the product to the output format, in which 1 is ONE.
#ifndef HASS_HARD_SIGMOID_H
#define HASS_HARD_SIGMOID_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int ALPHA, long long BETA, int SHIFT, int ONE>
ap_int<BITS> hard_gate(const ap_int<BITS>& x) {
#pragma HLS INLINE
    ap_int<50> sum = x * ap_int<17>(ALPHA);
    sum += BETA;
    const ap_int<BITS> gate = requantise<BITS, SHIFT>(sum);
    if (gate < 0) return ap_int<BITS>(0);
    if (gate > ONE) return ap_int<BITS>(ONE);
    return gate;
}

template <int BITS, int WORDS, int S, int ALPHA, long long BETA, int SHIFT, int ONE>
void hard_sigmoid(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                  hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("hard_sigmoid")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                words[s] = hard_gate<BITS, ALPHA, BETA, SHIFT, ONE>(words[s]);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
