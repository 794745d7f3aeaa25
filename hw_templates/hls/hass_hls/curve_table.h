// A function of each word, by a table with a word for every one of them, the lowest first.
#ifndef HASS_CURVE_TABLE_H
#define HASS_CURVE_TABLE_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S>
void curve_table(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                 hls::stream<vec<ap_int<BITS>, S> >& out, const ap_int<BITS> table[1 << BITS]) {
    HASS_COUNT_PROCESS("curve_table")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                words[s] = table[int(words[s]) + (1 << (BITS - 1))];
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
