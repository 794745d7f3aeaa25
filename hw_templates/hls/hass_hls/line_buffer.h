// Rows of a sliding window that keeps pace with its words: all that it goes over but the last wait
// in one memory. Taps are DH rows apart.
// In: a map of H x W x C words, S channels a beat. Out: for each row of windows the W columns of
// the map, for each its beats of channels, of KH words each, [row][channel]; rows outside the map
// hold FILL. A column leaves with its last word, one that reaches over the bottom of the map with a
// word of the next frame, or, after the last frame, without.
#ifndef HASS_LINE_BUFFER_H
#define HASS_LINE_BUFFER_H

#include "count.h"
#include "memory.h"
#include "window_axis.h"
#include "words.h"

namespace hass {

template <typename T, int H, int W, int C, int S, int KH, int DH, int SH, int TOP, int OUT_H,
          int FILL, memory_kind LINES_IN>
void line_buffer(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S * KH> >& out) {
    const int EXTENT = (KH - 1) * DH + 1;  // rows of the map that a window goes over
    typedef window_axis<H, OUT_H, EXTENT, SH, TOP, false> rows;
    const int BEATS = C / S;
    const int LINES = max_of(EXTENT - 1, 1);
    memory<vec<T, S * LINES>, W * BEATS, LINES_IN> lines;  // the oldest row first
#pragma HLS DEPENDENCE variable=lines.word type=inter false
    HASS_COUNT_PROCESS("line_buffer")
    int place = 0;
    int frame = 0;
    for (int row = 0; row < frames * rows::PERIOD + rows::TAIL; ++row) {
        for (int column = 0; column < W; ++column) {
            for (int beat = 0; beat < BEATS; ++beat) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                vec<T, S * EXTENT> all;  // the row at this place and those before it
                if (KH > 1) {
                    const vec<T, S * LINES> line = lines.word[column * BEATS + beat];
                    for (int word = 0; word < S * (EXTENT - 1); ++word) all[word] = line[word];
                }
                vec<T, S> words;
                for (int s = 0; s < S; ++s) words[s] = FILL;
                if (frame < frames && rows::inside(place)) words = in.read();
                for (int s = 0; s < S; ++s) all[S * (EXTENT - 1) + s] = words[s];
                if (KH > 1) {
                    vec<T, S * LINES> line;
                    for (int word = 0; word < S * LINES; ++word) line[word] = all[S + word];
                    lines.word[column * BEATS + beat] = line;
                }
                const int end = rows::window_end(place, frame < frames, frame > 0);
                vec<T, S * KH> taps;
                for (int kh = 0; kh < KH; ++kh) {
                    const bool inside = rows::inside(end - (EXTENT - 1) + kh * DH);
                    for (int s = 0; s < S; ++s) {
                        taps[kh * S + s] = inside ? all[kh * DH * S + s] : T(FILL);
                    }
                }
                if (end >= 0) out.write(taps);
            }
        }
        if (place == rows::PERIOD - 1) ++frame;
        place = place == rows::PERIOD - 1 ? 0 : place + 1;
    }
}

}  // namespace hass

#endif
