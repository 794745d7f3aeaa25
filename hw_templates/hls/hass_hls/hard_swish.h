// x * min(max(x / 6 + 1/2, 0), 1): the gate as in hard_sigmoid.h, then a product brought to the
// output format by PRODUCT_SHIFT.
#ifndef HASS_HARD_SWISH_H
#define HASS_HARD_SWISH_H

#include "hard_sigmoid.h"
#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int ALPHA, long long BETA, int SHIFT, int ONE,
          int PRODUCT_SHIFT>
void hard_swish(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("hard_swish")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const ap_int<BITS> gate = hard_gate<BITS, ALPHA, BETA, SHIFT, ONE>(words[s]);
                const ap_int<2 * BITS> product = words[s] * gate;
                words[s] = requantise<BITS, PRODUCT_SHIFT>(product);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
