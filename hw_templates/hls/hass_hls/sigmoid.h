// 1 / (1 + exp(-x)) by a table of 2**INDEX_BITS places: x rounded to the step of the table (SHIFT
// fractional bits fewer), held inside it.
#ifndef HASS_SIGMOID_H
#define HASS_SIGMOID_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int INDEX_BITS, int SHIFT>
void sigmoid(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
             hls::stream<vec<ap_int<BITS>, S> >& out, const ap_int<BITS> table[1 << INDEX_BITS]) {
    HASS_COUNT_PROCESS("sigmoid")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const long long place = requantise<INDEX_BITS, SHIFT>(words[s]);
                words[s] = table[place + (1 << (INDEX_BITS - 1))];
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
