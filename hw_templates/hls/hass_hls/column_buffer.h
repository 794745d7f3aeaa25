// Columns of a sliding window: all that it goes over but the last wait in one memory, all of a
// column's channels. Taps are DW columns apart.
// In: the columns that line_buffer.h or, with ROLLING, rolling_rows.h hand out, ROWS rows of W a
// frame. Out, for each window and each beat of channels: KH * KW taps of S channels,
// [channel][row][column]; columns outside the map hold FILL. A window leaves with its last column;
// one that reaches over the side of the map leaves with a column of the next row or, with ROLLING,
// before it.
#ifndef HASS_COLUMN_BUFFER_H
#define HASS_COLUMN_BUFFER_H

#include "count.h"
#include "memory.h"
#include "window_axis.h"
#include "words.h"

namespace hass {

template <typename T, int ROWS, int W, int C, int S, int KH, int KW, int DW, int SW,
          int LEFT, int OUT_W, int FILL, bool ROLLING, memory_kind PAST_IN>
void column_buffer(int frames, hls::stream<vec<T, S * KH> >& in,
                   hls::stream<vec<T, S * KH * KW> >& out) {
    const int EXTENT = (KW - 1) * DW + 1;  // columns of the map that a window goes over
    typedef window_axis<W, OUT_W, EXTENT, SW, LEFT, ROLLING> columns;
    const int BEATS = C / S;
    const int COLUMN = S * KH;  // words
    const int PAST = max_of(EXTENT - 1, 1);
    memory<vec<T, COLUMN * PAST>, BEATS, PAST_IN> past;  // the oldest column first
    vec<T, COLUMN * PAST> newer;  // what was written last, to be read at once
    int newer_beat = -1;
#pragma HLS DEPENDENCE variable=past.word type=inter direction=RAW distance=2 true
    row_walk<columns::PERIOD, BEATS, ROLLING ? columns::FIRST + 1 : 0> at;
    int row = 0;
    HASS_COUNT_PROCESS("column_buffer")
    for (int number = 0; number < frames * ROWS * columns::PERIOD + columns::TAIL; ++number) {
        for (int turn = 0; turn < BEATS; ++turn) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<T, COLUMN * EXTENT> all;  // the column at this place and those before it
            if (KW > 1) {
                const vec<T, COLUMN * PAST> held = past.word[at.beat];
                for (int word = 0; word < COLUMN * (EXTENT - 1); ++word) {
                    all[word] = at.beat == newer_beat ? newer[word] : held[word];
                }
            }
            vec<T, COLUMN> column;
            for (int word = 0; word < COLUMN; ++word) column[word] = FILL;
            if (row < frames * ROWS && columns::inside(at.place)) column = in.read();
            for (int word = 0; word < COLUMN; ++word) all[COLUMN * (EXTENT - 1) + word] = column[word];
            if (KW > 1) {
                for (int word = 0; word < COLUMN * PAST; ++word) newer[word] = all[COLUMN + word];
                newer_beat = at.beat;
                past.word[at.beat] = newer;
            }
            const int end = columns::window_end(at.place, row < frames * ROWS, row > 0);
            vec<T, S * KH * KW> window;
            for (int kw = 0; kw < KW; ++kw) {
                const bool inside = columns::inside(end - (EXTENT - 1) + kw * DW);
                for (int kh = 0; kh < KH; ++kh) {
                    for (int s = 0; s < S; ++s) {
                        const T word = all[(kw * DW * KH + kh) * S + s];
                        window[(s * KH + kh) * KW + kw] = inside ? word : T(FILL);
                    }
                }
            }
            if (end >= 0) out.write(window);
            if (at.next()) ++row;
        }
    }
}

}  // namespace hass

#endif
