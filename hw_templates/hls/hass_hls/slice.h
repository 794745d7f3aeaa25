// Keeps rows, columns and channels from START to STOP (exclusive), every STEP-th. S divides the
// channels that come in and those that go out; kept words wait until a beat is full.
#ifndef HASS_SLICE_H
#define HASS_SLICE_H

#include "count.h"
#include "words.h"

namespace hass {

constexpr bool kept(int place, int start, int stop, int step) {
    return place >= start && place < stop && (place - start) % step == 0;
}

template <typename T, int H, int W, int C, int S, int ROW_START, int ROW_STOP, int ROW_STEP,
          int COLUMN_START, int COLUMN_STOP, int COLUMN_STEP, int CHANNEL_START, int CHANNEL_STOP,
          int CHANNEL_STEP>
void slice(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    vec<T, 2 * S> waiting;
#pragma HLS ARRAY_PARTITION variable=waiting.word complete
    int waits = 0;
    HASS_COUNT_PROCESS("slice")
    for (int frame = 0; frame < frames; ++frame) {
        for (int row = 0; row < H; ++row) {
            for (int column = 0; column < W; ++column) {
                for (int beat = 0; beat < C / S; ++beat) {
#pragma HLS PIPELINE II=1
                    HASS_COUNT_ITERATION
                    const vec<T, S> words = in.read();
                    const bool here = kept(row, ROW_START, ROW_STOP, ROW_STEP) &&
                                      kept(column, COLUMN_START, COLUMN_STOP, COLUMN_STEP);
                    for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                        const int channel = beat * S + s;
                        if (here && kept(channel, CHANNEL_START, CHANNEL_STOP, CHANNEL_STEP)) {
                            waiting[waits++] = words[s];
                        }
                    }
                    if (waits >= S) {
                        vec<T, S> full;
                        for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                            full[s] = waiting[s];
                            waiting[s] = waiting[S + s];
                        }
                        waits -= S;
                        out.write(full);
                    }
                }
            }
        }
    }
}

}  // namespace hass

#endif
