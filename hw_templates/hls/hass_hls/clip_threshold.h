// Clips small activations: |x| <= LIMIT becomes zero. Stands in front of one convolution only.
#ifndef HASS_CLIP_THRESHOLD_H
#define HASS_CLIP_THRESHOLD_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, int WORDS, int S, int LIMIT>
void clip_threshold(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    HASS_COUNT_PROCESS("clip_threshold")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<T, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                if (words[s] <= LIMIT && words[s] >= -LIMIT) words[s] = 0;
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
