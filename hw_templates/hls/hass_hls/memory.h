// A memory that is written while it is read, in the kind of memory that the cost model gave it.
#ifndef HASS_MEMORY_H
#define HASS_MEMORY_H

namespace hass {

const int MEMORY_READ_CYCLES = 2;  // of a block memory, its output register included

enum memory_kind { IN_ANY, IN_LUTRAM, IN_BRAM, IN_URAM };

template <typename T, int WORDS, memory_kind KIND>
struct memory {
    T word[WORDS];
    memory() {
#pragma HLS INLINE
#pragma HLS AGGREGATE variable=word
        switch (KIND) {
            case IN_LUTRAM:
#pragma HLS BIND_STORAGE variable=word type=ram_s2p impl=lutram
                break;
            case IN_BRAM:
#pragma HLS BIND_STORAGE variable=word type=ram_s2p impl=bram
                break;
            case IN_URAM:
#pragma HLS BIND_STORAGE variable=word type=ram_s2p impl=uram
                break;
            default:  // the tool's choice
                break;
        }
    }
};

}  // namespace hass

#endif
