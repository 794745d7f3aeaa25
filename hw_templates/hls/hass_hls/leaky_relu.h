// x, or x * ALPHA * 2**-FRAC_BITS where x is below zero, brought to the output format (SHIFT
// fractional bits fewer than that product has).
#ifndef HASS_LEAKY_RELU_H
#define HASS_LEAKY_RELU_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int ALPHA, int FRAC_BITS, int SHIFT>
void leaky_relu(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("leaky_relu")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                ap_int<BITS + 18> scaled = words[s];
                if (words[s] < 0) {
                    scaled = words[s] * ap_int<17>(ALPHA);
                } else {
                    scaled <<= FRAC_BITS;
                }
                words[s] = requantise<BITS, SHIFT>(scaled);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
