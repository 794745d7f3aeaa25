// Width converters between streams of unequal numbers of parallel words; order is kept.
#ifndef HASS_WIDTH_H
#define HASS_WIDTH_H

#include "count.h"
#include "words.h"

namespace hass {

// BEATS_OUT wide beats, each of TO / FROM narrow ones; FROM divides TO.
template <typename T, int BEATS_OUT, int FROM, int TO>
void widen(int frames, hls::stream<vec<T, FROM> >& in, hls::stream<vec<T, TO> >& out) {
    static_assert(TO % FROM == 0, "a wide beat holds whole narrow ones");
    vec<T, TO> wide;
#pragma HLS ARRAY_PARTITION variable=wide.word complete
    HASS_COUNT_PROCESS("widen")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < BEATS_OUT; ++beat) {
            for (int part = 0; part < TO / FROM; ++part) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                vec<T, FROM> narrow = in.read();
                for (int s = 0; s < FROM; ++s) {
#pragma HLS UNROLL
                    wide[part * FROM + s] = narrow[s];
                }
                if (part == TO / FROM - 1) out.write(wide);
            }
        }
    }
}

// BEATS_IN wide beats, each into FROM / TO narrow ones; TO divides FROM.
template <typename T, int BEATS_IN, int FROM, int TO>
void narrow(int frames, hls::stream<vec<T, FROM> >& in, hls::stream<vec<T, TO> >& out) {
    static_assert(FROM % TO == 0, "a wide beat holds whole narrow ones");
    vec<T, FROM> wide;
#pragma HLS ARRAY_PARTITION variable=wide.word complete
    HASS_COUNT_PROCESS("narrow")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < BEATS_IN; ++beat) {
            for (int part = 0; part < FROM / TO; ++part) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                if (part == 0) wide = in.read();
                vec<T, TO> words;
                for (int s = 0; s < TO; ++s) {
#pragma HLS UNROLL
                    words[s] = wide[part * TO + s];
                }
                out.write(words);
            }
        }
    }
}

}  // namespace hass

#endif
