// Holds a map of 1 x 1 x C words and hands it out for each of PIXELS positions.
#ifndef HASS_BROADCAST_H
#define HASS_BROADCAST_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, int PIXELS, int C, int S>
void broadcast(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    vec<T, S> held[C / S];
#pragma HLS AGGREGATE variable=held
    HASS_COUNT_PROCESS("broadcast")
    for (int frame = 0; frame < frames; ++frame) {
        for (int pixel = 0; pixel < PIXELS; ++pixel) {
            for (int beat = 0; beat < C / S; ++beat) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                vec<T, S> words;
                if (pixel == 0) {
                    words = in.read();
                    held[beat] = words;
                } else {
                    words = held[beat];
                }
                out.write(words);
            }
        }
    }
}

}  // namespace hass

#endif
