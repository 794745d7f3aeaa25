// Counts the iterations of every loop in C simulation (-DHASS_COUNT_CYCLES); nothing otherwise.
// A process is one function of a dataflow region with one loop, of which an iteration, with
// PIPELINE II=1, is one clock cycle. A process says HASS_COUNT_PROCESS at its start and
// HASS_COUNT_ITERATION in its loop; a layer says HASS_COUNT_LAYER, which its processes belong to.
#ifndef HASS_COUNT_H
#define HASS_COUNT_H

#ifdef HASS_COUNT_CYCLES
#include <map>
#include <string>
#include <tuple>

namespace hass {

// layer, place of the process in the layer's order, name of the process
typedef std::tuple<std::string, int, std::string> process_key;

inline std::map<process_key, unsigned long long>& loop_iterations() {
    static std::map<process_key, unsigned long long> counts;
    return counts;
}

struct layer_place {
    std::string layer;
    int processes;  // begun
};

inline layer_place& present_layer() {
    static layer_place present = {"top", 0};
    return present;
}

// The layer that processes belong to until the end of the scope.
struct counted_layer {
    layer_place before;
    explicit counted_layer(const char* name) : before(present_layer()) {
        present_layer() = {name, 0};
    }
    ~counted_layer() { present_layer() = before; }
};

struct counted_process {
    process_key key;
    unsigned long long iterations;
    explicit counted_process(const char* name)
        : key(present_layer().layer, present_layer().processes++, name), iterations(0) {}
    ~counted_process() { loop_iterations()[key] += iterations; }
};

}  // namespace hass

#define HASS_COUNT_LAYER(NAME) hass::counted_layer hass_layer(NAME);
#define HASS_COUNT_PROCESS(NAME) hass::counted_process hass_process(NAME);
#define HASS_COUNT_ITERATION ++hass_process.iterations;
#else
#define HASS_COUNT_LAYER(NAME)
#define HASS_COUNT_PROCESS(NAME)
#define HASS_COUNT_ITERATION
#endif

#endif
