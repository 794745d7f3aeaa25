// max(x, 0).
#ifndef HASS_RELU_H
#define HASS_RELU_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S>
void relu(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
          hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("relu")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                if (words[s] < 0) words[s] = 0;
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
