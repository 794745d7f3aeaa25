// min(max(x, LOW), HIGH), both ends in the format of x; ReLU6 is LOW = 0.
#ifndef HASS_CLIP_H
#define HASS_CLIP_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int LOW, int HIGH>
void clip(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
          hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("clip")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                if (words[s] < LOW) words[s] = LOW;
                if (words[s] > HIGH) words[s] = HIGH;
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
