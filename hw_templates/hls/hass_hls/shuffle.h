// Channels of each pixel, seen as GROUPS rows, column by column. A pixel is written to one half of a
// memory while the one before is read from the other; neither waits for the other. The words of a
// beat come from as many beats, so that each word of it has a copy of the memory.
#ifndef HASS_SHUFFLE_H
#define HASS_SHUFFLE_H

#include "count.h"
#include "memory.h"
#include "outlet.h"
#include "words.h"

namespace hass {

template <typename T, int PIXELS, int C, int S, int GROUPS, memory_kind PIXELS_IN>
void shuffle(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    const int BEATS = C / S;
    memory<vec<T, S>, 2 * BEATS, PIXELS_IN> copies[S];
#pragma HLS ARRAY_PARTITION variable=copies complete
    outlet<vec<T, S>, MEMORY_READ_CYCLES> words;
    int pixels_in = 0, beat_in = 0, half_in = 0;
    int pixels_out = 0, beat_out = 0, half_out = 0;
    int whole = 0;  // pixels that are there
    HASS_COUNT_PROCESS("shuffle")
    while (pixels_out < frames * PIXELS || words.under_way > 0) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        words.leave(out);
        const bool reads = whole > 0 && words.has_room();
        vec<T, S> chosen;
        for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
            const int place = beat_out * S + s;
            const int channel = place % GROUPS * (C / GROUPS) + place / GROUPS;
            const vec<T, S> from = copies[s].word[half_out * BEATS + channel / S];
            chosen[s] = from[channel % S];
        }
        words.move(reads, chosen);
        if (reads) {
            beat_out = beat_out == BEATS - 1 ? 0 : beat_out + 1;
            if (beat_out == 0) {
                half_out = 1 - half_out;
                ++pixels_out;
                --whole;
            }
        }
        vec<T, S> fresh;
        if (pixels_in < frames * PIXELS && whole < 2 && in.read_nb(fresh)) {
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                copies[s].word[half_in * BEATS + beat_in] = fresh;
            }
            beat_in = beat_in == BEATS - 1 ? 0 : beat_in + 1;
            if (beat_in == 0) {
                half_in = 1 - half_in;
                ++pixels_in;
                ++whole;
            }
        }
    }
}

}  // namespace hass

#endif
