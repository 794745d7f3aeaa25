// Puts the words of each beat in order: word w of a beat is the one that stands at places[row][w].
// Rows follow the beats and come again for every output position.
#ifndef HASS_EXCHANGE_H
#define HASS_EXCHANGE_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, typename Place, int S, int ROWS, int POSITIONS>
void exchange(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out,
              const Place places[ROWS][S]) {
#pragma HLS ARRAY_RESHAPE variable=places complete dim=2
    HASS_COUNT_PROCESS("exchange")
    for (int frame = 0; frame < frames; ++frame) {
        for (int position = 0; position < POSITIONS; ++position) {
            for (int row = 0; row < ROWS; ++row) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                const vec<T, S> dealt = in.read();
                vec<T, S> words;
                for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                    words[s] = dealt[places[row][s]];
                }
                out.write(words);
            }
        }
    }
}

}  // namespace hass

#endif
