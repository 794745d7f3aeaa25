// Brings words to another format: SHIFT fractional bits fewer.
#ifndef HASS_RESCALE_H
#define HASS_RESCALE_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int SHIFT>
void rescale(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
             hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("rescale")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                words[s] = requantise<BITS, SHIFT>(words[s]);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
