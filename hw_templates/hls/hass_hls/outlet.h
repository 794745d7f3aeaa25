// The way from a memory to a stream that may be full, for a loop that has other things to do than
// wait for it: what is asked of the memory in one iteration arrives DELAY iterations later and then
// waits in registers, of which there are enough for all that is under way.
#ifndef HASS_OUTLET_H
#define HASS_OUTLET_H

#include "words.h"

namespace hass {

template <typename T, int DELAY>
struct outlet {
    T arriving[DELAY];
    bool arrives[DELAY];
    T waiting[DELAY + 1];  // the next one to leave first
    int waits;
    int under_way;  // arriving or waiting

    outlet() : waits(0), under_way(0) {
#pragma HLS INLINE
#pragma HLS ARRAY_PARTITION variable=arriving complete
#pragma HLS ARRAY_PARTITION variable=arrives complete
#pragma HLS ARRAY_PARTITION variable=waiting complete
        for (int place = 0; place < DELAY; ++place) arrives[place] = false;
    }

    bool has_room() const { return under_way <= DELAY; }

    // First in an iteration: hands out what waits longest, if the stream takes it.
    void leave(hls::stream<T>& out) {
#pragma HLS INLINE
        if (waits > 0 && out.write_nb(waiting[0])) {
            for (int place = 0; place < DELAY; ++place) waiting[place] = waiting[place + 1];
            --waits;
            --under_way;
        }
    }

    // Last in an iteration: everything moves on, and `value` comes behind it if it is valid.
    void move(bool valid, const T& value) {
#pragma HLS INLINE
        if (arrives[DELAY - 1]) waiting[waits++] = arriving[DELAY - 1];
        for (int place = DELAY - 1; place > 0; --place) {
            arriving[place] = arriving[place - 1];
            arrives[place] = arrives[place - 1];
        }
        arriving[0] = value;
        arrives[0] = valid;
        if (valid) ++under_way;
    }
};

}  // namespace hass

#endif
