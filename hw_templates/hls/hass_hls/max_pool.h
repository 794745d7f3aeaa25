// The largest of the TAPS taps of each window (column_buffer.h, FILL the lowest word).
#ifndef HASS_MAX_POOL_H
#define HASS_MAX_POOL_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, int BEATS, int S, int TAPS>
void max_pool(int frames, hls::stream<vec<T, S * TAPS> >& in, hls::stream<vec<T, S> >& out) {
    HASS_COUNT_PROCESS("max_pool")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < BEATS; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            const vec<T, S * TAPS> window = in.read();
            vec<T, S> words;
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                T largest = window[s * TAPS];
                for (int tap = 1; tap < TAPS; ++tap) {
#pragma HLS UNROLL
                    if (window[s * TAPS + tap] > largest) largest = window[s * TAPS + tap];
                }
                words[s] = largest;
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif
