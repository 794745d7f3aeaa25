// a * b, brought to the output format (SHIFT fractional bits fewer than the product has).
#ifndef HASS_MUL_H
#define HASS_MUL_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int SHIFT>
void mul(int frames, hls::stream<vec<ap_int<BITS>, S> >& a, hls::stream<vec<ap_int<BITS>, S> >& b,
         hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("mul")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            const vec<ap_int<BITS>, S> left = a.read();
            const vec<ap_int<BITS>, S> right = b.read();
            vec<ap_int<BITS>, S> words;
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const ap_int<2 * BITS> product = left[s] * right[s];
                words[s] = requantise<BITS, SHIFT>(product);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
