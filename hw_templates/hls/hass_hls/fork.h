// Hands one stream to several readers.
#ifndef HASS_FORK_H
#define HASS_FORK_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, int WORDS, int S, typename... Outs>
void fork(int frames, hls::stream<vec<T, S> >& in, Outs&... outs) {
    HASS_COUNT_PROCESS("fork")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            const vec<T, S> words = in.read();
            const int each[] = {(outs.write(words), 0)...};
            static_cast<void>(each);
        }
    }
}

}  // namespace hass

#endif
