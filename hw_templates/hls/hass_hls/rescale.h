// Brings words to another format: words of OUT bits with SHIFT fractional bits fewer.
#ifndef HASS_RESCALE_H
#define HASS_RESCALE_H

#include "count.h"
#include "words.h"

namespace hass {

template <int OUT, int WORDS, int S, int SHIFT, int IN>
void rescale(int frames, hls::stream<vec<ap_int<IN>, S> >& in,
             hls::stream<vec<ap_int<OUT>, S> >& out) {
    HASS_COUNT_PROCESS("rescale")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            const vec<ap_int<IN>, S> words = in.read();
            vec<ap_int<OUT>, S> rescaled;
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                rescaled[s] = requantise<OUT, SHIFT>(words[s]);
            }
            out.write(rescaled);
        }
    }
}

}  // namespace hass

#endif
