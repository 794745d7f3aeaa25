// Rows of a sliding window that does not keep pace with its words: of LINES rows, side by side in
// one memory, one is written while others are read. In each cycle a word is taken, if there is one
// and its place is free, and a column of the next row of windows is read, if its words are there
// and the stream behind has room; neither waits for the other.
// In: a map of H x W x C words, S channels a beat. Out: for each row of windows the W columns of
// the map, of KH words each, [row][channel]; rows outside the map hold FILL. The beats of a column
// follow each other, but the first HEAD columns come together, beat by beat.
#ifndef HASS_ROLLING_ROWS_H
#define HASS_ROLLING_ROWS_H

#include "count.h"
#include "memory.h"
#include "outlet.h"
#include "window_axis.h"
#include "words.h"

namespace hass {

template <typename T, int H, int W, int C, int S, int KH, int DH, int SH, int TOP, int OUT_H,
          int HEAD, int FILL, int LINES, memory_kind LINES_IN>
void rolling_rows(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S * KH> >& out) {
    const int EXTENT = (KH - 1) * DH + 1;  // rows of the map that a window goes over
    static_assert(LINES >= EXTENT, "the rows of a window are there together");
    const int BEATS = C / S;
    const int SLOT_STEP = SH % LINES;                      // from a row of windows to the next
    const int SLOT_TURN = (H - (OUT_H - 1) * SH) % LINES;  // from a frame's last to its first
    // each row has a write enable of its own
    memory<vec<vec<T, S>, LINES>, W * BEATS, LINES_IN> lines;
    outlet<vec<T, S * KH>, MEMORY_READ_CYCLES> columns;
    // rows are numbered through all frames; row n lies in slot n % LINES
    row_walk<W, BEATS, 0> write;
    int write_row = 0, write_slot = 0;
    row_walk<W, BEATS, HEAD> read;
    int frame_row = 0;                              // the first one of the frame
    int window_row = 0;                             // row of windows in the frame
    int read_slot = (LINES - TOP % LINES) % LINES;  // of the windows' first row
    HASS_COUNT_PROCESS("rolling_rows")
    while (write_row < frames * H || frame_row < frames * H || columns.under_way > 0) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        const int first = window_row * SH - TOP;  // of the windows' rows in the frame
        const int last = min_of(first + EXTENT - 1, H - 1);
        const bool turns = window_row == OUT_H - 1;
        const int write_at = write.place * BEATS + write.beat;
        const int read_at = read.place * BEATS + read.beat;
        const bool is_there = last < 0 || write_row > frame_row + last ||
                              (write_row == frame_row + last && write_at > read_at);
        // a place is free once the last row of windows that needs its word has been read there
        const int needed = frame_row + min_of(max_of(first, 0), H);
        const int needed_next =
            frame_row + (turns ? H : min_of(max_of(first + SH, 0), H));
        const bool was_read =
            read.in_head ? write.place < HEAD && (write.beat < read.beat ||
                                                  (write.beat == read.beat &&
                                                   write.place < read.place))
                         : write_at < read_at;
        const int old_row = write_row - LINES;
        const bool is_free = old_row < needed || (old_row < needed_next && was_read);

        columns.leave(out);
        const bool reads = frame_row < frames * H && is_there && columns.has_room();
        const vec<vec<T, S>, LINES> line = lines.word[read_at];
        vec<T, S * KH> column;
        for (int kh = 0; kh < KH; ++kh) {
            const int after = read_slot + kh * DH;
            const int slot = after < LINES ? after : after - LINES;
            const int row = first + kh * DH;
            const bool inside = row >= 0 && row < H;
            for (int s = 0; s < S; ++s) column[kh * S + s] = inside ? line[slot][s] : T(FILL);
        }
        columns.move(reads, column);
        if (reads && read.next()) {
            read_slot += turns ? SLOT_TURN : SLOT_STEP;
            if (read_slot >= LINES) read_slot -= LINES;
            if (read_slot < 0) read_slot += LINES;
            if (turns) frame_row += H;
            window_row = turns ? 0 : window_row + 1;
        }

        vec<T, S> words;
        if (write_row < frames * H && is_free && in.read_nb(words)) {
            lines.word[write_at][write_slot] = words;
            if (write.next()) {
                ++write_row;
                write_slot = write_slot == LINES - 1 ? 0 : write_slot + 1;
            }
        }
    }
}

}  // namespace hass

#endif
