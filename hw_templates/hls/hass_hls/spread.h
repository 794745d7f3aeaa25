// Pixels that are put out more than once, or bit by bit: each becomes DOWN x RIGHT positions, DOWN
// rows of positions for a row of pixels. With DEALT position (r, c) of a pixel is the block
// r * RIGHT + c of its beats; else all positions are the whole pixel.
// In each cycle a beat is taken, if there is one and its place in the memory is free, and one is
// read, if it is there (with DEALT: its pixel is) and the stream behind has room; neither waits for
// the other. A pixel's place is free once it was read in the last of its rows.
#ifndef HASS_SPREAD_H
#define HASS_SPREAD_H

#include "count.h"
#include "memory.h"
#include "outlet.h"
#include "words.h"

namespace hass {

template <typename T, int H, int W, int C, int S, int DOWN, int RIGHT, bool DEALT, int HELD,
          memory_kind PIXELS_IN>
void spread(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    const int BEATS = C / S;                                   // of a pixel
    const int PART = DEALT ? BEATS / (DOWN * RIGHT) : BEATS;  // of a position
    static_assert(DOWN == 1 || HELD >= W * BEATS, "a row is there until its last repetition");
    static_assert(HELD >= BEATS, "a pixel is there as a whole");
    memory<vec<T, S>, HELD, PIXELS_IN> pixels;
    outlet<vec<T, S>, MEMORY_READ_CYCLES> words;
    int write_at = 0, rows_in = 0, place_in = 0;
    int first_at = 0;  // of the oldest pixel
    int held = 0;      // beats that have come, from that pixel on
    int rows_out = 0, down = 0, column = 0, right = 0, beat = 0;
    HASS_COUNT_PROCESS("spread")
    while (rows_out < frames * H || words.under_way > 0) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        const bool last_row = down == DOWN - 1;  // pixels before this one are let go
        const int pixel = last_row ? 0 : column * BEATS;
        const int place = pixel + (DEALT ? (down * RIGHT + right) * PART : 0) + beat;
        const bool is_there = held > (DEALT ? pixel + BEATS - 1 : place);
        words.leave(out);
        const bool reads = rows_out < frames * H && is_there && words.has_room();
        const int read_at = first_at + place < HELD ? first_at + place : first_at + place - HELD;
        words.move(reads, pixels.word[read_at]);
        if (reads) {
            beat = beat == PART - 1 ? 0 : beat + 1;
            if (beat == 0) right = right == RIGHT - 1 ? 0 : right + 1;
            if (beat == 0 && right == 0) {
                if (last_row) {
                    first_at = first_at + BEATS < HELD ? first_at + BEATS : first_at + BEATS - HELD;
                    held -= BEATS;
                }
                column = column == W - 1 ? 0 : column + 1;
                if (column == 0) {
                    down = last_row ? 0 : down + 1;
                    if (last_row) ++rows_out;
                }
            }
        }
        const bool goes = !DEALT && down == DOWN - 1 && right == RIGHT - 1;  // beat by beat
        vec<T, S> fresh;
        if (rows_in < frames * H && held - (goes ? beat : 0) < HELD && in.read_nb(fresh)) {
            pixels.word[write_at] = fresh;
            write_at = write_at == HELD - 1 ? 0 : write_at + 1;
            ++held;
            place_in = place_in == W * BEATS - 1 ? 0 : place_in + 1;
            if (place_in == 0) ++rows_in;
        }
    }
}

}  // namespace hass

#endif
