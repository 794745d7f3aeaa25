// Sliding window: line buffers hold KH - 1 rows, column buffers KW - 1 columns of the channels.
// In: a map of H x W x C words, S channels a beat. Out, for each output position and each beat of
// channels: S windows of KH * KW taps, [channel][row][column]. Taps outside the map hold FILL.
#ifndef HASS_SLIDING_WINDOW_H
#define HASS_SLIDING_WINDOW_H

#include "memory.h"
#include "words.h"

namespace hass {

template <typename T, int H, int W, int C, int S, int KH, int KW, int SH, int SW, int TOP, int LEFT,
          int OUT_H, int OUT_W, int FILL, memory_kind LINES_IN, memory_kind PAST_IN>
void sliding_window(hls::stream<vec<T, S> >& in, hls::stream<vec<T, S * KH * KW> >& out) {
    const int BEATS = C / S;
    // rows and columns to go through: the map, and behind it what the last windows reach over
    const int ROWS = max_of(H, (OUT_H - 1) * SH + KH - TOP);
    const int COLUMNS = max_of(W, (OUT_W - 1) * SW + KW - LEFT);
    const int LINES = max_of(KH - 1, 1);
    const int PAST = max_of(KW - 1, 1);

    memory<vec<vec<T, S>, LINES>, W * BEATS, LINES_IN> lines;  // word[..][0] is the oldest row
    // the columns before the present one, oldest first
    memory<vec<vec<T, S>, KH * PAST>, BEATS, PAST_IN> past;
#pragma HLS DEPENDENCE variable=lines.word type=inter false
    for (int row = 0; row < ROWS; ++row) {
        for (int column = 0; column < COLUMNS; ++column) {
            for (int beat = 0; beat < BEATS; ++beat) {
#pragma HLS PIPELINE II=1
                // the present column of KH words, from the line buffers and the input
                vec<T, S> tap[KH][KW];
#pragma HLS ARRAY_PARTITION variable=tap complete dim=0
                vec<T, S> fill;
                for (int s = 0; s < S; ++s) fill[s] = FILL;
                vec<T, S> word = fill;
                if (row < H && column < W) word = in.read();
                vec<vec<T, S>, LINES> line;
                const bool held = KH > 1 && column < W;
                if (held) line = lines.word[column * BEATS + beat];
                for (int kh = 0; kh < KH - 1; ++kh) {
                    const int source = row - (KH - 1) + kh;
                    tap[kh][KW - 1] = held && source >= 0 && source < H ? line[kh] : fill;
                }
                tap[KH - 1][KW - 1] = word;
                if (held) {
                    for (int kh = 0; kh < KH - 1; ++kh) {
                        line[kh] = kh < KH - 2 ? line[min_of(kh + 1, LINES - 1)] : word;
                    }
                    lines.word[column * BEATS + beat] = line;
                }
                // the columns before it
                if (KW > 1) {
                    vec<vec<T, S>, KH * PAST> shifted = past.word[beat];
                    for (int kh = 0; kh < KH; ++kh) {
                        for (int kw = 0; kw < KW - 1; ++kw) {
                            const bool inside = column - (KW - 1) + kw >= 0;
                            tap[kh][kw] = inside ? shifted[kh * PAST + kw] : fill;
                        }
                        for (int kw = 0; kw < KW - 1; ++kw) {
                            shifted[kh * PAST + kw] = tap[kh][kw + 1];
                        }
                    }
                    past.word[beat] = shifted;
                }
                // a window is complete where an output position ends
                const int top = row - (KH - 1) + TOP;
                const int left = column - (KW - 1) + LEFT;
                if (top >= 0 && top % SH == 0 && top / SH < OUT_H && left >= 0 && left % SW == 0 &&
                    left / SW < OUT_W) {
                    vec<T, S * KH * KW> window;
                    for (int s = 0; s < S; ++s) {
                        for (int kh = 0; kh < KH; ++kh) {
                            for (int kw = 0; kw < KW; ++kw) {
                                window[(s * KH + kh) * KW + kw] = tap[kh][kw][s];
                            }
                        }
                    }
                    out.write(window);
                }
            }
        }
    }
}

}  // namespace hass

#endif
