// Where windows lie along one side of a map of SIZE: COUNT of them, KERNEL long, STRIDE apart, the
// first PAD in front of the map. Places follow each other in periods, a map in each. Windows that
// reach over the map's end are complete in the next period, at places where no others are; or, with
// APART, in places of their own at the end of a longer period.
#ifndef HASS_WINDOW_AXIS_H
#define HASS_WINDOW_AXIS_H

#include "words.h"

namespace hass {

template <int SIZE, int COUNT, int KERNEL, int STRIDE, int PAD, bool APART>
struct window_axis {
    static const int START = max_of(PAD - (KERNEL - 1), 0);  // place of the map's first index
    static const int FIRST = START - PAD + KERNEL - 1;       // where the first window ends
    static const int LAST = FIRST + (COUNT - 1) * STRIDE;    // where the last window ends
    static const int SPAN = max_of(START + SIZE, LAST - FIRST + 1);
    static const int PERIOD = APART ? max_of(SPAN, LAST + 1) : SPAN;
    static const int TAIL = max_of(LAST + 1 - PERIOD, 0);  // places that end windows begun before

    static bool inside(int place) { return place >= START && place < START + SIZE; }
    static bool ends(int place) {
        return place >= FIRST && place <= LAST && (place - FIRST) % STRIDE == 0;
    }

    // The place, counted from the start of the window's own period, at which a window ends here; -1
    // if none does. `own`, `before`: whether there is a map in this period, and in the one before.
    static int window_end(int place, bool own, bool before) {
        if (own && ends(place)) return place;
        if (before && ends(place + PERIOD)) return place + PERIOD;
        return -1;
    }
};

// Goes through PLACES places of a row and the BEATS of channels at each; through the first HEAD
// places beat by beat, so that a window that ends there waits for few others.
template <int PLACES, int BEATS, int HEAD>
struct row_walk {
    int place, beat;
    bool in_head;

    row_walk() : place(0), beat(0), in_head(HEAD > 1) {}

    // One step; whether it was the last one of the row.
    bool next() {
#pragma HLS INLINE
        if (in_head) {
            ++place;
            if (place < HEAD) return false;
            place = 0;
            ++beat;
            if (beat < BEATS) return false;
            beat = 0;
            place = HEAD % PLACES;
            in_head = false;
        } else {
            ++beat;
            if (beat < BEATS) return false;
            beat = 0;
            place = place == PLACES - 1 ? 0 : place + 1;
        }
        if (place > 0) return false;
        in_head = HEAD > 1;
        return true;
    }
};

}  // namespace hass

#endif
