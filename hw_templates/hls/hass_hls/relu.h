// max(x, 0).
#ifndef HASS_RELU_H
#define HASS_RELU_H

#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S>
void relu(hls::stream<vec<ap_int<BITS>, S> >& in, hls::stream<vec<ap_int<BITS>, S> >& out) {
    for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
        vec<ap_int<BITS>, S> words = in.read();
        for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
            if (words[s] < 0) words[s] = 0;
        }
        out.write(words);
    }
}

}  // namespace hass

#endif
